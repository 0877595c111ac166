package dev.graft.quant;

import dev.graft.kernel.Codebook;
import dev.graft.kernel.DynamicMap;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/// Quantised weights as bitsandbytes lays them out in safetensors, so that Transformers and Graft read
/// each other's.
///
/// ```text
/// 4 bits  p.weight uint8 [⌈n/2⌉, 1], p.weight.absmax, p.weight.quant_map,
///         p.weight.nested_absmax and p.weight.nested_quant_map for packed scales,
///         p.weight.quant_state.bitsandbytes__nf4 (or __fp4): JSON
/// 8 bits  p.weight int8 [out, in], p.SCB float32 [out], p.weight_format uint8 (0: row after row)
/// ```
public final class BitsAndBytes {
    private static final String WEIGHT = ".weight";
    private static final String STATE = ".quant_state.bitsandbytes__";
    private static final List<String> BESIDE_FOUR_BITS =
            List.of(".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", STATE + Nf4.NAME, STATE + Fp4.NAME);
    private static final List<String> BESIDE_EIGHT_BITS = List.of(".SCB", ".weight_format");

    /// Tables of one format differ by this at most, whoever computed them.
    private static final double TABLE_TOLERANCE = 1e-4;

    private BitsAndBytes() {}

    /// Tensors by name, as they are stored.
    public interface Stored {
        boolean has(String name);

        /// Over the memory of the file; belongs to the current scope.
        Tensor tensor(String name);
    }

    /// Whether a file packs this weight.
    public static boolean packs(Stored stored, String weight) {
        return weight.endsWith(WEIGHT)
                && (fourBitType(stored, weight).isPresent() || stored.has(module(weight) + ".SCB"));
    }

    /// The weight whose packing a tensor is part of; empty for tensors in their own right.
    public static Optional<String> weightOf(Stored stored, String name) {
        for (String suffix : BESIDE_FOUR_BITS) {
            if (name.endsWith(WEIGHT + suffix)) {
                return Optional.of(name.substring(0, name.length() - suffix.length()))
                        .filter(stored::has);
            }
        }
        for (String suffix : BESIDE_EIGHT_BITS) {
            if (name.endsWith(suffix)) {
                return Optional.of(name.substring(0, name.length() - suffix.length()) + WEIGHT)
                        .filter(stored::has);
            }
        }
        return Optional.empty();
    }

    private static Optional<String> fourBitType(Stored stored, String weight) {
        return List.of(Nf4.NAME, Fp4.NAME).stream()
                .filter(type -> stored.has(weight + STATE + type))
                .findFirst();
    }

    private static String module(String weight) {
        return weight.substring(0, weight.length() - WEIGHT.length());
    }

    /// A packed weight over the memory of its file, checked; its close leaves that memory alone.
    ///
    /// @param rowsType  type 8-bit weights had, which is not stored
    /// @param threshold `llm_int8_threshold`
    /// @throws IllegalArgumentException a clause, when the tensors do not make a packed weight
    public static Quantised read(Stored stored, String weight, DType rowsType, double threshold) {
        try (Scope scope = Scope.open()) {
            Optional<String> type = fourBitType(stored, weight);
            requireOneState(stored, weight, type);
            return type.isPresent()
                    ? fourBits(stored, weight, type.get())
                    : rows(stored, weight, rowsType, new Int8Rows(threshold));
        }
    }

    private static void requireOneState(Stored stored, String weight, Optional<String> type) {
        boolean both = stored.has(weight + STATE + Nf4.NAME) && stored.has(weight + STATE + Fp4.NAME);
        if (both || type.isPresent() && stored.has(module(weight) + ".SCB")) {
            throw new IllegalArgumentException("there are states of more than one format for it; expected one");
        }
    }

    private static Quantised fourBits(Stored stored, String weight, String type) {
        BitsAndBytesState state = BitsAndBytesState.parse(
                bytes(stored.tensor(weight + STATE + type)).memory().toArray(ValueLayout.JAVA_BYTE));
        if (!state.type().equals(type)) {
            throw new IllegalArgumentException(
                    "the state says quant_type %s; expected %s, as in its name".formatted(state.type(), type));
        }
        boolean nested = state.offset().isPresent();
        QuantFormat format = type.equals(Nf4.NAME) ? new Nf4(state.block(), nested) : new Fp4(state.block(), nested);
        Codebook usual = type.equals(Nf4.NAME) ? Nf4.BOOK : Fp4.BOOK;
        Codebook book = book(part(stored, weight + ".quant_map", DType.F32, 16), usual, type);
        long elements = state.shape()[0] * state.shape()[1];
        long blocks = (elements + state.block() - 1) / state.block();
        Tensor codes = bytes(stored.tensor(weight));
        if (codes.elements() != book.bytes(elements)) {
            throw new IllegalArgumentException("there are %,d bytes of codes; expected %,d for %s"
                    .formatted(codes.elements(), book.bytes(elements), Arrays.toString(state.shape())));
        }
        Tensor absmax = nested
                ? part(stored, weight + ".absmax", DType.U8, blocks)
                : magnitudes(stored, weight + ".absmax", blocks);
        BlockScales scales;
        if (nested) {
            Tensor map = part(stored, weight + ".nested_quant_map", DType.F32, 256);
            long outer = (blocks + BlockScales.NESTED_BLOCK - 1) / BlockScales.NESTED_BLOCK;
            Tensor outerAbsmax = magnitudes(stored, weight + ".nested_absmax", outer);
            scales = new BlockScales.Nested(
                    book(map, DynamicMap.SIGNED, "dynamic8"), absmax.retain(), outerAbsmax.retain(), (float)
                            state.offset().getAsDouble());
        } else {
            scales = new BlockScales.Plain(absmax.retain());
        }
        return new Blockwise(format, book, state.block(), state.shape(), state.dtype(), codes.retain(), scales);
    }

    private static Quantised rows(Stored stored, String weight, DType rowsType, Int8Rows format) {
        Tensor codes = stored.tensor(weight);
        if (codes.dtype() != DType.I8 || codes.dims() != 2) {
            throw new IllegalArgumentException("the codes are %s; expected a matrix of I8".formatted(codes));
        }
        String layout = module(weight) + ".weight_format";
        if (stored.has(layout) && stored.tensor(layout).to(DType.F32).sum().item() != 0) {
            throw new IllegalArgumentException(
                    "weight_format is not 0 (row after row), the only layout Graft reads; save the model with bitsandbytes 0.45 or newer");
        }
        Tensor scales = magnitudes(stored, module(weight) + ".SCB", codes.size(0));
        return new Int8Rows.Rows(format, rowsType, codes.retain(), scales.retain());
    }

    /// Largest magnitudes of blocks or rows.
    private static Tensor magnitudes(Stored stored, String name, long elements) {
        return Inputs.magnitudes(name, part(stored, name, DType.F32, elements));
    }

    private static Tensor part(Stored stored, String name, DType type, long elements) {
        if (!stored.has(name)) {
            throw new IllegalArgumentException("%s is missing".formatted(name));
        }
        Tensor tensor = stored.tensor(name);
        if (tensor.dtype() != type || tensor.elements() != elements) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %,d elements of %s".formatted(name, tensor, elements, type));
        }
        return tensor.view(elements);
    }

    /// The bytes of a tensor: `bnb_4bit_quant_storage` may have given them another type.
    private static Tensor bytes(Tensor tensor) {
        MemorySegment memory = tensor.memory();
        return Tensor.over(memory, DType.U8, memory.byteSize());
    }

    /// The table of a file, which must be that of its format but for rounding.
    private static Codebook book(Tensor table, Codebook usual, String name) {
        float[] values = table.toFloats();
        float[] expected = usual.values();
        boolean same = true;
        for (int i = 0; i < values.length; i++) {
            if (!(Math.abs(values[i] - expected[i]) <= TABLE_TOLERANCE)) {
                throw new IllegalArgumentException("value %d of its table is %s; expected %s, as %s has it"
                        .formatted(i, values[i], expected[i], name));
            }
            same &= values[i] == expected[i];
        }
        return same ? usual : usual.withValues(values);
    }

    /// A packed weight as tensors to store, by name; they belong to the current scope.
    ///
    /// @param weight its name, ending in `.weight`
    public static Map<String, Tensor> tensors(String weight, Quantised packed) {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        switch (packed) {
            case Int8Rows.Rows rows -> {
                tensors.put(weight, rows.codes());
                tensors.put(module(weight) + ".SCB", rows.scales());
                tensors.put(module(weight) + ".weight_format", Tensor.zeros(DType.U8, Device.cpu()));
            }
            case Blockwise blocks when blocks.book().bits() == 4 -> fourBits(weight, blocks, tensors);
            default ->
                throw new IllegalArgumentException("bitsandbytes has no layout for weights in %s"
                        .formatted(packed.format().name()));
        }
        return tensors;
    }

    private static void fourBits(String weight, Blockwise packed, Map<String, Tensor> tensors) {
        String type = packed.format().name();
        tensors.put(weight, packed.codes().view(packed.codes().elements(), 1));
        tensors.put(weight + ".absmax", packed.parts().get(".absmax"));
        tensors.put(weight + ".quant_map", table(packed.book()));
        OptionalDouble offset = OptionalDouble.empty();
        if (packed.scales() instanceof BlockScales.Nested nested) {
            tensors.put(weight + ".nested_absmax", nested.absmax());
            tensors.put(weight + ".nested_quant_map", table(nested.book()));
            offset = OptionalDouble.of(nested.offset());
        }
        byte[] state = new BitsAndBytesState(type, packed.block(), packed.dtype(), packed.shape(), offset).bytes();
        Tensor bytes = Tensor.empty(DType.U8, Device.cpu(), state.length);
        bytes.memory().copyFrom(MemorySegment.ofArray(state));
        tensors.put(weight + STATE + type, bytes);
    }

    /// Values by code; bitsandbytes has no −0.
    private static Tensor table(Codebook book) {
        float[] values = book.values();
        for (int i = 0; i < values.length; i++) {
            values[i] += 0f;
        }
        return Tensor.of(values);
    }
}
