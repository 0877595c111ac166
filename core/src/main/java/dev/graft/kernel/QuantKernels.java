package dev.graft.kernel;

import dev.graft.kernel.RowProducts.Scales;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;

/// Packs floating-point numbers into a few bits each, and unpacks them.
///
/// As with [Kernels] there are two bodies, [PlainQuantKernels] (ATen operations, any device) and
/// [VectorQuantKernels] (Vector API, CPU), and both take the same tests; here they agree to the last bit,
/// with any number of threads. Tensors are contiguous; results are written into what the caller provides.
public interface QuantKernels {
    /// The fastest kernels of a device.
    static QuantKernels of(Device device) {
        return device.isCpu() && VectorKernels.isAvailable() ? VectorQuantKernels.INSTANCE : PlainQuantKernels.INSTANCE;
    }

    /// Cuts `x`, row after row, into blocks and keeps of each its largest magnitude and a code per number:
    /// that of `x · (1 / absmax)`. A block without a magnitude of at least 2⁻¹²⁶ gets absmax 0 and codes 0.
    ///
    /// @param x      float32, bfloat16 or float16; finite
    /// @param block  even; the last block may be shorter
    /// @param codes  uint8, [Codebook#bytes] of them; written. What is left of a last half byte gets the
    ///               code of zero.
    /// @param absmax float32, one a block; written
    void quantiseBlocks(Tensor x, Codebook book, int block, Tensor codes, Tensor absmax);

    /// `value of code · absmax` in float32, rounded to the type of `y`.
    ///
    /// @param y float32 or bfloat16; written
    default void dequantiseBlocks(Tensor codes, Tensor absmax, Codebook book, int block, Tensor y) {
        dequantiseBlocks(codes, new Scales.Plain(absmax), book, block, y);
    }

    /// The same with scales that may be packed themselves, if codes have 4 bits.
    void dequantiseBlocks(Tensor codes, Scales scales, Codebook book, int block, Tensor y);

    /// Scales in float32, of the current scope or the tensor given.
    default Tensor values(Scales scales) {
        return switch (scales) {
            case Scales.Plain plain -> plain.absmax();
            case Scales.Nested nested -> {
                Tensor codes = nested.codes();
                Tensor values = Tensor.empty(DType.F32, codes.device(), codes.elements());
                dequantiseBlocks(codes, nested.absmax(), nested.book(), nested.block(), values);
                yield values.addInPlace(Tensor.full(nested.offset(), DType.F32, codes.device(), 1));
            }
        };
    }

    /// Keeps of each row its largest magnitude and `x · (1 / absmax · 127)` rounded to the nearest whole
    /// number, ties to even; rows of zeros get zeros.
    ///
    /// @param x      `[rows, columns]`, float32, bfloat16 or float16; finite
    /// @param codes  int8 `[rows, columns]`, written
    /// @param absmax float32 `[rows]`, written
    void quantiseRows(Tensor x, Tensor codes, Tensor absmax);

    /// `code · absmax · (1/127)` in float32, from left to right, rounded to the type of `y`.
    ///
    /// @param y float32 or bfloat16 `[rows, columns]`; written
    void dequantiseRows(Tensor codes, Tensor absmax, Tensor y);

    /// One AdamW step on moments of 8 bits, in place, as bitsandbytes' CUDA kernel takes it, in one pass over
    /// blocks of [#MOMENTS_BLOCK]. With float32 gradient `g`, scaled, and moments unpacked to float32, each
    /// operation rounded:
    ///
    /// - `v ← v·beta2 + (1 − beta2)·g·g` and `m ← m·beta1 + (1 − beta1)·g`;
    /// - `p ← (p − lr·c2/c1 · m / (sqrt(v) + c2·epsilon)) · (1 − lr·decay)` where `c1 = 1 − beta1^step` and
    ///   `c2 = sqrt(1 − beta2^step)`, computed in float64 and rounded once;
    /// - both are packed by the quotient of number and absmax; a code of `m` whose value has the other sign
    ///   makes way for its neighbour.
    ///
    /// Where `g` is not finite `p` stays and both moments become 0. CUDA's kernel computes `c1` and `c2` in
    /// float32 (a step differs by about 1e-5 of itself at first), and divides approximately.
    ///
    /// @param parameter float32, contiguous; `gradient` alike
    /// @param step      counted from 1
    void adamWInPlace(
            Tensor parameter,
            Tensor gradient,
            Moments moments,
            Kernels.AdamW settings,
            long step,
            double gradientScale);

    /// Moments in [dynamic 8-bit numbers][DynamicMap], changed by [#adamWInPlace].
    ///
    /// @param m       uint8, one code an element, of the signed map
    /// @param mAbsmax float32, one a block
    /// @param v       the same of the unsigned map
    record Moments(Tensor m, Tensor mAbsmax, Tensor v, Tensor vAbsmax) {}

    /// Elements that share the scales of their moments.
    int MOMENTS_BLOCK = 256;

    /// 1/127 as bitsandbytes has it.
    float PER_ROW_STEP = 7.874015718698502e-3f;
}
