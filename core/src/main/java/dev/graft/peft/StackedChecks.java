package dev.graft.peft;

import dev.graft.nn.LinearLayout.Slice;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// What PEFT asks of adapters for layers that Transformers holds as slices of stacked parameters: experts and
/// their routers. PEFT turns modules of that kind (`w1`, `gate_proj`, `gate`) into parameters when it reads
/// an adapter; what it could not turn, or would turn into something else, is refused here before anything is
/// trained.
final class StackedChecks {
    private final Lora settings;
    private final AdaptedModel model;

    StackedChecks(Lora settings, AdaptedModel model) {
        this.settings = settings;
        this.model = model;
    }

    void run() {
        requireParametersFound();
        Map<String, Slice> byModule = new LinkedHashMap<>();
        model.slices.forEach((layer, slice) -> {
            if (model.adapted.containsKey(layer)) {
                byModule.put(layer, slice);
            }
        });
        List<String> namedLikeExperts = model.namedLikeExperts();
        if (!byModule.isEmpty() || !model.stacked.isEmpty() || !namedLikeExperts.isEmpty()) {
            requirePlainFactors();
        }
        requireAllOrNone(byModule);
        requireNoRslora(byModule);
        byModule.forEach((layer, slice) -> requireOneRank(layer, ends(slice.parameter())));
        namedLikeExperts.forEach(layer -> requireOneRank(layer, ends(layer) + ".weight"));
    }

    private void requireParametersFound() {
        for (String name : settings.selection().parameters()) {
            if (model.stacked.keySet().stream().noneMatch(Targets.names(name)::matches)) {
                Set<String> known = new LinkedHashSet<>();
                model.slices.values().forEach(slice -> known.add(ends(slice.parameter())));
                throw new IllegalArgumentException("target_parameters: no matrix of this model is named %s. %s"
                        .formatted(
                                name,
                                known.isEmpty()
                                        ? "It has no experts; name its layers in target_modules."
                                        : "Its experts and routers are " + String.join(", ", known) + "."));
            }
        }
    }

    /// The name without the number of its block.
    private static String ends(String parameter) {
        return parameter.replaceFirst("^.*\\.\\d+\\.", "");
    }

    private void requirePlainFactors() {
        String cause = "experts, routers or layers named like them are adapted, whose weights PEFT changes as a whole";
        if (settings.dropout() != 0) {
            throw new IllegalArgumentException(
                    "lora_dropout is %s, but %s, without a place for dropout; set lora_dropout to 0, or leave them out"
                            .formatted(settings.dropout(), cause));
        }
        if (settings.useDora() || settings.loraBias()) {
            throw new IllegalArgumentException("%s is true, but %s and in no other way; leave one of them out"
                    .formatted(settings.useDora() ? "use_dora" : "lora_bias", cause));
        }
    }

    /// PEFT makes one change of what is stacked in one parameter, and does so in every block.
    private void requireAllOrNone(Map<String, Slice> byModule) {
        Map<String, Integer> adapted = new LinkedHashMap<>();
        Map<String, Integer> all = new LinkedHashMap<>();
        byModule.values().forEach(slice -> adapted.merge(ends(slice.parameter()), 1, Integer::sum));
        model.slices.values().forEach(slice -> all.merge(ends(slice.parameter()), 1, Integer::sum));
        adapted.forEach((parameter, count) -> {
            if (count < all.get(parameter)) {
                throw new IllegalArgumentException(
                        "target_modules takes %d of the %d layers that Transformers stacks as %s (%s of every expert and block); PEFT adapts all of them or none. Name all, or some blocks in target_parameters, [model.layers.0.%s]"
                                .formatted(
                                        count,
                                        all.get(parameter),
                                        parameter,
                                        String.join(", ", lastParts(parameter)),
                                        parameter));
            }
        });
    }

    private Set<String> lastParts(String end) {
        Set<String> parts = new LinkedHashSet<>();
        model.slices.forEach((layer, slice) -> {
            if (ends(slice.parameter()).equals(end)) {
                parts.add(ModuleNames.lastPart(layer));
            }
        });
        return parts;
    }

    /// PEFT makes one change of twice the rank and twice the alpha of two layers that are stacked in one
    /// parameter, which keeps alpha / r but not alpha / √r.
    private void requireNoRslora(Map<String, Slice> byModule) {
        byModule.forEach((layer, slice) -> {
            boolean alone = model.slices.values().stream()
                    .noneMatch(other -> other.parameter().equals(slice.parameter())
                            && other.expert() == slice.expert()
                            && other.firstRow() != slice.firstRow());
            if (settings.useRslora() && !alone) {
                throw new IllegalArgumentException(
                        "use_rslora is true and target_modules takes %s, whose change PEFT would then scale by √2; name target_parameters [%s] instead"
                                .formatted(layer, ends(slice.parameter())));
            }
        });
    }

    /// When PEFT takes layers for parameters, patterns that name the layers no longer match.
    private void requireOneRank(String layer, String parameter) {
        if (settings.rankOf(layer) != settings.r() || settings.alphaOf(layer) != settings.alpha()) {
            throw new IllegalArgumentException(
                    "rank_pattern or alpha_pattern matches %s, but PEFT takes that layer for a parameter and then forgets such a pattern; name target_parameters [%s] instead, whose patterns it keeps"
                            .formatted(layer, parameter));
        }
    }
}
