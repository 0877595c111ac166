package dev.graft.quant;

import dev.graft.kernel.QuantKernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// LLM.int8(): whole numbers from −127 to 127 and a float32 scale for each row of a matrix.
///
/// Dettmers et al. 2022, <https://arxiv.org/abs/2208.07339>; as bitsandbytes stores it, which rounds
/// weights to float16 first.
///
/// @param threshold magnitude from which inputs are multiplied apart from the others
///                  (`llm_int8_threshold`); 0 for none, which makes inputs of any size whole numbers
public record Int8Rows(double threshold) implements QuantFormat {
    static final String NAME = "int8";

    /// As Transformers has it.
    public static final double DEFAULT_THRESHOLD = 6;

    private static final double LARGEST_HALF = 65_504;

    public Int8Rows {
        if (!(threshold >= 0 && threshold < Double.POSITIVE_INFINITY)) {
            throw new IllegalArgumentException(
                    "llm_int8_threshold is %s; expected 0 or a positive number".formatted(threshold));
        }
    }

    /// With the threshold that Transformers has.
    public Int8Rows() {
        this(DEFAULT_THRESHOLD);
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Quantised quantise(Tensor values) {
        if (values.dims() != 2) {
            throw new IllegalArgumentException(
                    "int8 packs the rows of a matrix; this has shape %s".formatted(Arrays.toString(values.shape())));
        }
        try (Scope scope = Scope.open()) {
            Tensor numbers = Inputs.packable(NAME, values);
            Tensor half = numbers.to(DType.F16);
            if (!half.allFinite()) {
                throw new IllegalArgumentException(
                        "a weight of magnitude %s does not fit into float16 (at most %s), which int8 goes through; use nf4 or leave this layer out with llm_int8_skip_modules"
                                .formatted(numbers.to(DType.F32).abs().max().item(), LARGEST_HALF));
            }
            Tensor codes = Tensor.empty(DType.I8, values.device(), values.shape());
            Tensor scales = Tensor.empty(DType.F32, values.device(), values.size(0));
            QuantKernels.of(values.device()).quantiseRows(half, codes, scales);
            return new Rows(this, values.dtype(), codes.retain(), scales.retain());
        }
    }

    /// @param codes  int8 `[rows, columns]`
    /// @param scales float32 `[rows]`, the largest magnitude of each
    record Rows(Int8Rows format, DType dtype, Tensor codes, Tensor scales) implements Quantised {
        @Override
        public long[] shape() {
            return codes.shape();
        }

        @Override
        public Device device() {
            return codes.device();
        }

        @Override
        public void unpack(Tensor into) {
            QuantKernels.of(device()).dequantiseRows(codes, scales, into);
        }

        @Override
        public Optional<Tensor> product(Tensor x) {
            return Optional.of(Int8Product.of(x, this));
        }

        @Override
        public Map<String, Tensor> parts() {
            Map<String, Tensor> parts = new LinkedHashMap<>();
            parts.put("", codes);
            parts.put(".SCB", scales);
            return parts;
        }

        @Override
        public void close() {
            codes.release();
            scales.release();
        }
    }
}
