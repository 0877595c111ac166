package dev.graft.export;

import dev.graft.model.ModelSource;
import dev.graft.peft.Adapters.ChangedTensor;
import dev.graft.peft.TensorChange;
import dev.graft.quant.QuantizationConfig;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/// What adapters and their base must be for a merge to mean something, checked before anything is written.
final class MergeChecks {
    private MergeChecks() {}

    /// @throws IllegalArgumentException naming what does not fit
    static void require(Path model, ModelSource files, List<OpenedAdapter> adapters, MergeSettings settings) {
        adapters.forEach(adapter -> requireBases(adapter, files));
        requireNoConflict(adapters);
        requireOneHead(adapters, settings);
        requireFormatToPackAgain(model, files, settings);
    }

    private static void requireBases(OpenedAdapter adapter, ModelSource files) {
        List<String> missing = adapter.changes().values().stream()
                .map(ChangedTensor::base)
                .filter(base -> !files.names().contains(base))
                .toList();
        if (!missing.isEmpty()) {
            throw new IllegalArgumentException(
                    "%s cannot be merged: it adds to tensors that its base does not have (%s), such as a bias that lora_bias trains in a layer without one. Keep it beside its base (--adapter)."
                            .formatted(adapter.directory(), String.join(", ", missing)));
        }
    }

    /// Values that two adapters bring for the same place have no sum.
    private static void requireNoConflict(List<OpenedAdapter> adapters) {
        List<String> faults = new ArrayList<>();
        for (int i = 0; i < adapters.size(); i++) {
            for (OpenedAdapter other : adapters.subList(0, i)) {
                OpenedAdapter one = adapters.get(i);
                one.changes().keySet().stream()
                        .filter(tensor -> other.changes().containsKey(tensor) && conflict(one, other, tensor))
                        .forEach(tensor ->
                                faults.add("%s: %s and %s".formatted(tensor, other.directory(), one.directory())));
            }
        }
        if (!faults.isEmpty()) {
            throw new IllegalArgumentException(
                    "these adapters each bring values of their own for the same place (modules_to_save, trained tokens or biases), and such values do not add up:\n  %s\nMerge one of them alone, or train one on top of the other."
                            .formatted(String.join("\n  ", faults)));
        }
    }

    private static boolean conflict(OpenedAdapter one, OpenedAdapter other, String tensor) {
        if (one.change(tensor) instanceof TensorChange.Rows rows
                && other.change(tensor) instanceof TensorChange.Rows others) {
            Set<Long> taken = Arrays.stream(others.index().toLongs()).boxed().collect(Collectors.toSet());
            return Arrays.stream(rows.index().toLongs()).anyMatch(taken::contains);
        }
        return one.replaces(tensor) && other.replaces(tensor);
    }

    /// A head that stops sharing the embedding's table makes another model of it, which only one adapter
    /// can do.
    private static void requireOneHead(List<OpenedAdapter> adapters, MergeSettings settings) {
        if (settings.isPlain()) {
            return;
        }
        for (OpenedAdapter adapter : adapters) {
            for (ChangedTensor changed : adapter.changes().values()) {
                if (!changed.name().equals(changed.base())) {
                    throw new IllegalArgumentException(
                            "%s gives the head a table of its own (%s), which the base takes from %s; such an adapter can be merged alone, as it is, and not weighted or with others"
                                    .formatted(adapter.directory(), changed.name(), changed.base()));
                }
            }
        }
    }

    /// Scales and zero points of a layer's inputs belong to the weights they were calibrated with.
    private static void requireFormatToPackAgain(Path model, ModelSource files, MergeSettings settings) {
        String format = files.config()
                .json()
                .path(QuantizationConfig.KEY)
                .path("format")
                .asText();
        if (settings.saveType().isEmpty() && format.equals("int8-affine")) {
            throw new IllegalArgumentException(
                    "%s is quantised in int8-affine, which a merge does not calibrate again; merge into the model it was made of and quantise the result, or save it unquantised with --dtype bfloat16"
                            .formatted(model));
        }
    }
}
