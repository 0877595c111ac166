package dev.graft.peft;

import dev.graft.peft.ModuleNames.Kind;
import java.util.ArrayList;
import java.util.List;

/// Compares settings with the model they were applied to: whatever names something must have found it.
///
/// Settings that come from a file are taken as PEFT takes them, names that match nothing beside others
/// that do; the tensors beside them are checked when they are loaded.
final class SettingsCheck {
    private final Lora settings;
    private final AdaptedModel model;

    SettingsCheck(Lora settings, AdaptedModel model) {
        this.settings = settings;
        this.model = model;
    }

    void run(boolean fromFile) {
        if (model.adapted.isEmpty() && model.stacked.isEmpty()) {
            throw noTarget(settings.selection().targets().toString());
        }
        requireTokensFound();
        if (fromFile) {
            return;
        }
        requireTargetsFound();
        requireOnlyLayers();
        requireExclusionsFound();
        requireSavedFound();
        new StackedChecks(settings, model).run();
        List<String> changed = new ArrayList<>(model.adapted.keySet());
        changed.addAll(model.stacked.keySet());
        List<String> unused = settings.unusedPatterns(changed);
        if (!unused.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s: no adapted layer's name ends in what this matches; the adapted ones are called %s"
                            .formatted(String.join(", ", unused), shown(changed)));
        }
    }

    private void requireTargetsFound() {
        Selection selection = settings.selection();
        if (selection.targets() instanceof Targets.Names names) {
            List<String> lost = names.names().stream()
                    .filter(name -> model.modules.adaptable().stream().noneMatch(Targets.names(name)::matches))
                    .toList();
            if (!lost.isEmpty()) {
                throw noTarget(String.join(", ", lost));
            }
        }
        selection.layers().stream()
                .filter(layer -> model.adapted.keySet().stream().noneMatch(name -> inLayer(name, layer)))
                .findFirst()
                .ifPresent(layer -> {
                    throw new IllegalArgumentException(
                            "layers_to_transform holds %d, but no target module lies in such a layer; adapted are %s"
                                    .formatted(layer, shown(model.adapted.keySet())));
                });
    }

    private static boolean inLayer(String name, int layer) {
        return ("." + name + ".").contains("." + layer + ".");
    }

    private IllegalArgumentException noTarget(String names) {
        return new IllegalArgumentException(
                "target_modules: no linear layer of this model is named %s%s. Its linear layers end in %s; \"all-linear\" means all of them."
                        .formatted(
                                names,
                                settings.selection().excluded() instanceof Targets.None
                                                && settings.selection().layers().isEmpty()
                                                && settings.extras()
                                                        .modulesToSave()
                                                        .isEmpty()
                                        ? ""
                                        : " and left over by exclude_modules, layers_to_transform and modules_to_save",
                                model.modules.shortNames()));
    }

    /// PEFT refuses adapters whose targets also match a module that is no layer.
    private void requireOnlyLayers() {
        if (settings.selection().targets() instanceof Targets.AllLinear) {
            return;
        }
        model.modules.others().stream().filter(settings::adapts).findFirst().ifPresent(other -> {
            throw new IllegalArgumentException(
                    "target_modules also matches %s, which is no linear layer or embedding, and PEFT would not load such an adapter. Match whole names of layers; they end in %s"
                            .formatted(other, model.modules.shortNames()));
        });
    }

    private void requireExclusionsFound() {
        Targets excluded = settings.selection().excluded();
        if (excluded instanceof Targets.Names names) {
            names.names().stream()
                    .filter(name -> !anyModule(Targets.names(name)))
                    .findFirst()
                    .ifPresent(name -> {
                        throw noExclusion(name);
                    });
        } else if (excluded instanceof Targets.Regex regex && !anyModule(regex)) {
            throw noExclusion(regex.pattern());
        }
    }

    private boolean anyModule(Targets targets) {
        List<String> all = new ArrayList<>(model.modules.adaptable());
        all.addAll(model.modules.others());
        return all.stream().anyMatch(targets::matches);
    }

    private IllegalArgumentException noExclusion(String what) {
        return new IllegalArgumentException(
                "exclude_modules: \"%s\" matches no module of this model; its layers end in %s"
                        .formatted(what, model.modules.shortNames()));
    }

    private void requireSavedFound() {
        for (String name : settings.extras().modulesToSave()) {
            if (model.saved.keySet().stream()
                    .map(tensor -> tensor.replaceFirst("\\.(weight|bias)$", ""))
                    .noneMatch(module -> new Extras(List.of(name), TrainableTokens.NONE, false).saves(module))) {
                throw new IllegalArgumentException(
                        "modules_to_save: no module of this model ends in \"%s\"; its linear layers end in %s, its embedding is %s and its head %s"
                                .formatted(
                                        name,
                                        model.modules.shortNames(),
                                        String.join(", ", model.modules.of(Kind.EMBEDDING)),
                                        String.join(", ", model.modules.of(Kind.HEAD))));
            }
            model.modules.others().stream()
                    .filter(module -> module.endsWith(name) && model.modules.isList(module))
                    .findFirst()
                    .ifPresent(list -> {
                        throw new IllegalArgumentException(
                                "modules_to_save: \"%s\" means %s, a list of layers, which PEFT cannot wrap; name what is in it"
                                        .formatted(name, list));
                    });
        }
    }

    private void requireTokensFound() {
        for (String name : settings.extras().tokens().modules().keySet()) {
            boolean found = model.tokens.keySet().stream().anyMatch(module -> module.endsWith(name))
                    || model.head
                            .filter(head -> head.endsWith(name) && model.tiedTo.isPresent())
                            .isPresent();
            if (!found) {
                throw new IllegalArgumentException(
                        "trainable_token_indices: \"%s\" is neither the embedding (%s) nor the head (%s) of this model"
                                .formatted(
                                        name,
                                        String.join(", ", model.modules.of(Kind.EMBEDDING)),
                                        String.join(", ", model.modules.of(Kind.HEAD))));
            }
        }
        if (settings.extras().tokens().embedding().isPresent() && model.tokens.isEmpty()) {
            throw new IllegalArgumentException(
                    "trainable_token_indices: this model has no embedding that could take it");
        }
    }

    private static String shown(Iterable<String> names) {
        List<String> first = new ArrayList<>();
        for (String name : names) {
            if (first.size() == 4) {
                return String.join(", ", first) + " …";
            }
            first.add(name);
        }
        return String.join(", ", first);
    }
}
