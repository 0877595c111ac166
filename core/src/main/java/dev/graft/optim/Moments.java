package dev.graft.optim;

import dev.graft.autograd.Parameter;
import dev.graft.kernel.Kernels;
import dev.graft.kernel.QuantKernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Shapes;
import dev.graft.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/// How [AdamW] keeps the running means of a parameter's gradients and of their squares.
public sealed interface Moments {
    String FIRST = ".exp_avg";
    String SECOND = ".exp_avg_sq";
    String SCALES = ".absmax";

    /// A tensor of the state.
    record Part(DType dtype, long... shape) {
        long bytes() {
            return Shapes.bytes(dtype, shape);
        }
    }

    /// What is kept of a parameter, by what follows its name in a checkpoint.
    Map<String, Part> parts(Parameter parameter);

    /// One step of a parameter.
    ///
    /// @param state as [#parts] says; changed
    /// @param step  of this parameter, counted from 1
    void step(Parameter parameter, Map<String, Tensor> state, Kernels.AdamW settings, long step, double gradientScale);

    /// Two float32 numbers an element, and steps as `torch.optim.AdamW` takes them.
    record Float32() implements Moments {
        @Override
        public Map<String, Part> parts(Parameter parameter) {
            long[] shape = parameter.master().shape();
            Map<String, Part> parts = new LinkedHashMap<>();
            parts.put(FIRST, new Part(DType.F32, shape));
            parts.put(SECOND, new Part(DType.F32, shape));
            return parts;
        }

        @Override
        public void step(
                Parameter parameter,
                Map<String, Tensor> state,
                Kernels.AdamW settings,
                long step,
                double gradientScale) {
            Tensor values = parameter.master();
            Kernels.of(values.device())
                    .adamWInPlace(
                            values,
                            parameter.gradient(),
                            state.get(FIRST),
                            state.get(SECOND),
                            settings,
                            step,
                            gradientScale);
        }
    }

    /// Two bytes an element and two float32 scales for every 256, and steps as bitsandbytes' `AdamW8bit`
    /// takes them: the decay comes after the update. Small tensors are kept and changed as [Float32], and so
    /// are embeddings, as in Transformers' trainer: the rows of a block have gradients of very different
    /// sizes.
    ///
    /// Dettmers et al. 2021, <https://arxiv.org/abs/2110.02861>.
    ///
    /// @param smallest elements from which on a tensor is kept so (bitsandbytes' `min_8bit_size`)
    record EightBit(long smallest) implements Moments {
        private static final Pattern EMBEDDING = Pattern.compile("(.*\\.)?(embed_tokens|wte|wpe)\\.weight");
        private static final Float32 WHOLE = new Float32();

        /// From 4096 elements on, as in bitsandbytes.
        public EightBit() {
            this(4096);
        }

        @Override
        public Map<String, Part> parts(Parameter parameter) {
            if (isWhole(parameter)) {
                return WHOLE.parts(parameter);
            }
            long[] shape = parameter.master().shape();
            long elements = parameter.elements();
            long blocks = (elements + QuantKernels.MOMENTS_BLOCK - 1) / QuantKernels.MOMENTS_BLOCK;
            Map<String, Part> parts = new LinkedHashMap<>();
            for (String moment : new String[] {FIRST, SECOND}) {
                parts.put(moment, new Part(DType.U8, shape));
                parts.put(moment + SCALES, new Part(DType.F32, blocks));
            }
            return parts;
        }

        @Override
        public void step(
                Parameter parameter,
                Map<String, Tensor> state,
                Kernels.AdamW settings,
                long step,
                double gradientScale) {
            if (isWhole(parameter)) {
                WHOLE.step(parameter, state, settings, step, gradientScale);
                return;
            }
            var moments = new QuantKernels.Moments(
                    state.get(FIRST), state.get(FIRST + SCALES), state.get(SECOND), state.get(SECOND + SCALES));
            Tensor values = parameter.master();
            QuantKernels.of(values.device())
                    .adamWInPlace(values, parameter.gradient(), moments, settings, step, gradientScale);
        }

        private boolean isWhole(Parameter parameter) {
            return parameter.elements() < smallest
                    || EMBEDDING.matcher(parameter.name()).matches();
        }
    }
}
