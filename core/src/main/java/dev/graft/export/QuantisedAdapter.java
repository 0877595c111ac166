package dev.graft.export;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.AdapterWeights;
import dev.graft.format.AtomicFiles;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.format.Safetensors.Entry;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.peft.Origin;
import dev.graft.quant.BitsAndBytes;
import dev.graft.quant.Fp4;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Packs the factors of a LoRA adapter in 8 or 4 bits. Everything else in it (magnitudes, biases, factors of
/// embeddings, modules trained whole) stays as it is.
///
/// The result is `adapter_model.quantised.safetensors`, whose factors lie as bitsandbytes' weights do,
/// beside the adapter's own `adapter_config.json`. Graft uses it like any adapter; PEFT does not read it.
public final class QuantisedAdapter {
    private static final String CONFIG = AdapterWeights.CONFIG;
    private static final String A = AdapterWeights.A;
    private static final String B = AdapterWeights.B;

    private final Path adapter;
    private final QuantFormat format;
    private final AdapterWeights weights;
    private final List<Part> parts = new ArrayList<>();

    private QuantisedAdapter(Path adapter, QuantFormat format, AdapterWeights weights) {
        this.adapter = adapter;
        this.format = format;
        this.weights = weights;
    }

    /// @param folder empty; becomes an adapter's
    /// @param format int8, NF4 or FP4
    /// @return       errors are those of the product `B·A`, one for each adapted layer
    public static QuantisationReport write(Path adapter, Path folder, QuantFormat format) {
        if (!(format instanceof Int8Rows || format instanceof Nf4 || format instanceof Fp4)) {
            throw new IllegalArgumentException(
                    "an adapter is kept in int8, nf4 or fp4, and not in %s".formatted(format.name()));
        }
        requirePlain(adapter);
        try (AdapterWeights weights = AdapterWeights.open(adapter);
                Scope scope = Scope.open()) {
            return new QuantisedAdapter(adapter, format, weights).write(folder);
        }
    }

    private static void requirePlain(Path adapter) {
        if (AdapterWeights.file(adapter).endsWith(AdapterWeights.QUANTISED)) {
            throw new FormatException(
                    adapter,
                    "its factors are quantised already",
                    "an adapter as it was trained",
                    "Start from the adapter it was made of.");
        }
        JsonNode stacked = Json.readObject(adapter.resolve(CONFIG), "the settings of a PEFT adapter")
                .path("target_parameters");
        if (!stacked.isEmpty()) {
            throw new FormatException(
                    adapter,
                    "target_parameters is %s, whose factors are those of many experts in one tensor".formatted(stacked),
                    "factors of linear layers",
                    "Keep this adapter as it is.");
        }
    }

    private QuantisationReport write(Path folder) {
        List<QuantisedLayer> layers = new ArrayList<>();
        long before = 0;
        for (String name : weights.names()) {
            before += weights.entry(name).bytes();
            if (name.endsWith(A) && weights.names().contains(partner(name))) {
                layers.add(quantised(name, partner(name)));
            } else if (!name.endsWith(B) || !weights.names().contains(name.replace(B, A))) {
                Tensor kept = weights.tensor(name).contiguous();
                parts.add(new Part(name, kept.dtype(), kept.shape(), kept.memory()));
            }
        }
        if (layers.isEmpty()) {
            throw new FormatException(
                    adapter,
                    "there are no factors of linear layers (…%s, …%s) in it".formatted(A, B),
                    "a LoRA adapter",
                    "There is nothing to quantise.");
        }
        SafetensorsWriter.write(folder.resolve(AdapterWeights.QUANTISED), parts);
        long after = parts.stream()
                .mapToLong(part -> Shapes.bytes(part.dtype(), part.shape()))
                .sum();
        describe(folder);
        return new QuantisationReport(layers, before, after);
    }

    private static String partner(String a) {
        return a.substring(0, a.length() - A.length()) + B;
    }

    private QuantisedLayer quantised(String nameA, String nameB) {
        Tensor a = weights.tensor(nameA).to(DType.F32);
        Tensor b = weights.tensor(nameB).to(DType.F32);
        long first = parts.size();
        try (Quantised packedA = packed(nameA, a);
                Quantised packedB = packed(nameB, b)) {
            add(nameA, packedA);
            add(nameB, packedB);
            double error = productError(
                    a, b, packedA.unpacked(DType.F32, a.device()), packedB.unpacked(DType.F32, b.device()));
            Entry entryA = weights.entry(nameA);
            Entry entryB = weights.entry(nameB);
            return new QuantisedLayer(
                    nameA.substring(0, nameA.length() - A.length()),
                    entryA.elements() + entryB.elements(),
                    entryA.bytes() + entryB.bytes(),
                    parts.stream()
                            .skip(first)
                            .mapToLong(part -> Shapes.bytes(part.dtype(), part.shape()))
                            .sum(),
                    error,
                    Optional.empty());
        }
    }

    private Quantised packed(String name, Tensor values) {
        try {
            return format.quantise(values);
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(name + ": " + e.getMessage(), e);
        }
    }

    private void add(String name, Quantised packed) {
        BitsAndBytes.tensors(name, packed).forEach((key, tensor) -> {
            Tensor copy = tensor.copy();
            parts.add(new Part(key, copy.dtype(), copy.shape(), copy.memory()));
        });
    }

    /// `‖B·A − B̂·Â‖ / ‖B·A‖` from products of the size of the rank: `‖B·A‖² = Σ (BᵀB) ⊙ (AAᵀ)`, and the
    /// difference is the product of `[B, −B̂]` and `[A; Â]`. In float64, as it is small beside its terms.
    static double productError(Tensor a, Tensor b, Tensor roundedA, Tensor roundedB) {
        Tensor tall = Tensor.cat(List.of(b, roundedB.mul(-1)), 1);
        Tensor wide = Tensor.cat(List.of(a, roundedA), 0);
        double size = squaredNorm(b, a);
        return size == 0 ? 0 : Math.sqrt(squaredNorm(tall, wide) / size);
    }

    private static double squaredNorm(Tensor b, Tensor a) {
        Tensor left = b.to(DType.F64);
        Tensor right = a.to(DType.F64);
        return Math.max(0, left.t().mm(left).mul(right.mm(right.t())).sum().item());
    }

    private void describe(Path folder) {
        try {
            Files.copy(adapter.resolve(CONFIG), folder.resolve(CONFIG));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot copy %s to %s".formatted(adapter.resolve(CONFIG), folder), e);
        }
        ModelDirectory.copyBesideTheWeights(adapter, folder);
        Origin.read(adapter).ifPresent(origin -> {
            Map<String, Object> made = new LinkedHashMap<>(origin.made());
            made.put("quantised", format.toString());
            new Origin(origin.base(), made).write(folder);
        });
        AtomicFiles.writeString(
                folder.resolve("README.md"), """
                The factors of this adapter are quantised (%s): %s has them packed as bitsandbytes packs weights.
                Graft reads it; PEFT does not, and stops as it finds no %s.
                """.formatted(format, AdapterWeights.QUANTISED, AdapterWeights.PLAIN));
    }
}
