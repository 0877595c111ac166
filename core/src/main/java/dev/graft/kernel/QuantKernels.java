package dev.graft.kernel;

import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;

/// Packs floating-point numbers into a few bits each, and unpacks them.
///
/// As with [Kernels] there are two bodies, [PlainQuantKernels] (ATen operations, any device) and
/// [VectorQuantKernels] (Vector API, CPU), and both take the same tests; here they agree to the last bit, with
/// any number of threads. Tensors are contiguous; results are written into what the caller provides.
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
    void dequantiseBlocks(Tensor codes, Tensor absmax, Codebook book, int block, Tensor y);

    /// Keeps of each row its largest magnitude and `x · (1 / absmax · 127)` rounded to the nearest whole number,
    /// ties to even; rows of zeros get zeros.
    ///
    /// @param x      `[rows, columns]`, float32, bfloat16 or float16; finite
    /// @param codes  int8 `[rows, columns]`, written
    /// @param absmax float32 `[rows]`, written
    void quantiseRows(Tensor x, Tensor codes, Tensor absmax);

    /// `code · absmax · (1/127)` in float32, from left to right, rounded to the type of `y`.
    ///
    /// @param y float32 or bfloat16 `[rows, columns]`; written
    void dequantiseRows(Tensor codes, Tensor absmax, Tensor y);

    /// 1/127 as bitsandbytes has it.
    float PER_ROW_STEP = 7.874015718698502e-3f;
}
