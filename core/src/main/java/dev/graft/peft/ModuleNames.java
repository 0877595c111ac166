package dev.graft.peft;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/// The modules of a model by their full names, as the factory was asked for them.
final class ModuleNames {
    /// What PEFT can put factors on, and what it cannot.
    enum Kind {
        LINEAR,
        EMBEDDING,
        HEAD,
        OTHER
    }

    /// From this many names on PEFT looks for fewer that say the same.
    private static final int MANY = 20;

    private final Map<String, Kind> kinds = new LinkedHashMap<>();

    void add(String module, Kind kind) {
        kinds.put(module, kind);
    }

    List<String> of(Kind kind) {
        return kinds.entrySet().stream()
                .filter(entry -> entry.getValue() == kind)
                .map(Map.Entry::getKey)
                .toList();
    }

    /// Those that can have factors.
    List<String> adaptable() {
        return kinds.entrySet().stream()
                .filter(entry -> entry.getValue() != Kind.OTHER)
                .map(Map.Entry::getKey)
                .toList();
    }

    /// Everything with a name in PEFT's eyes that cannot have factors: norms, containers, and the parts
    /// without weights that stand beside others.
    Set<String> others() {
        Set<String> others = new LinkedHashSet<>();
        kinds.forEach((module, kind) -> {
            if (kind == Kind.OTHER) {
                others.add(module);
            }
            for (int dot = module.lastIndexOf('.'); dot > 0; dot = module.lastIndexOf('.', dot - 1)) {
                others.add(module.substring(0, dot));
            }
            if (module.matches(".*\\.mlp\\.(up_proj|gate_up_proj)")) {
                others.add(module.substring(0, module.lastIndexOf('.')) + ".act_fn");
            }
            if (module.endsWith(".q_proj")) {
                others.add(module.substring(0, module.indexOf('.')) + ".rotary_emb");
            }
        });
        return others;
    }

    /// Whether this is a list of layers, `model.layers`, which is no module by itself.
    boolean isList(String module) {
        return kinds.keySet().stream()
                .anyMatch(name -> name.startsWith(module + ".") && Character.isDigit(name.charAt(module.length() + 1)));
    }

    /// The shortest ends of names that mean these modules and no other, when there are many; otherwise
    /// the names themselves.
    Set<String> shortened(Collection<String> targets) {
        Set<String> wanted = new TreeSet<>(targets);
        if (wanted.size() < MANY) {
            return wanted;
        }
        Set<String> foreign = new LinkedHashSet<>();
        List<String> all = new ArrayList<>(others());
        all.addAll(adaptable());
        all.stream()
                .filter(name -> wanted.stream().noneMatch(t -> name.equals(t) || name.endsWith("." + t)))
                .forEach(name -> foreign.addAll(ends(name)));
        Set<String> shorter = new TreeSet<>();
        wanted.stream().sorted(Comparator.comparing(ModuleNames::reversed)).forEach(name -> {
            for (String end : ends(name)) {
                if (!shorter.contains(end)
                        && !foreign.contains(end)
                        && shorter.stream().noneMatch(s -> name.endsWith("." + s))) {
                    shorter.add(end);
                    break;
                }
            }
        });
        return shorter.isEmpty() || shorter.size() >= wanted.size() ? wanted : shorter;
    }

    private static String reversed(String name) {
        return String.join(".", List.of(name.split("\\.")).reversed());
    }

    /// `q_proj`, `self_attn.q_proj`, … up to the whole name.
    private static List<String> ends(String name) {
        List<String> ends = new ArrayList<>();
        for (int dot = name.lastIndexOf('.'); dot >= 0; dot = name.lastIndexOf('.', dot - 1)) {
            ends.add(name.substring(dot + 1));
            if (dot == 0) {
                break;
            }
        }
        ends.add(name);
        return ends;
    }

    /// `q_proj` of `model.layers.0.self_attn.q_proj`.
    static String lastPart(String module) {
        return module.substring(module.lastIndexOf('.') + 1);
    }

    /// Last parts of the names of linear layers, for sentences.
    String shortNames() {
        return String.join(
                ", ",
                of(Kind.LINEAR).stream().map(ModuleNames::lastPart).distinct().toList());
    }
}
