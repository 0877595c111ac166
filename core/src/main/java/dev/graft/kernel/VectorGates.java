package dev.graft.kernel;

import static dev.graft.kernel.Arguments.address;
import static dev.graft.kernel.Arguments.isHalf;
import static dev.graft.kernel.Arguments.like;
import static dev.graft.kernel.Arguments.shaped;

import dev.graft.kernel.Kernels.Gated;
import dev.graft.tensor.Tensor;

/// Gated units of [VectorKernels], `gate · σ(inside) · up`: they differ in what σ is taken of.
final class VectorGates {
    private VectorGates() {}

    /// Fills `sigmoids` with σ of what belongs to each gate.
    interface Opening {
        void of(float[] gates, float[] sigmoids, int n);
    }

    /// The same, and the slope of what σ was taken of.
    interface OpeningSlope {
        void of(float[] gates, float[] sigmoids, float[] slopes, int n);
    }

    static Tensor gated(Tensor gate, Tensor up, Opening opening) {
        boolean half = isHalf("gate", gate);
        shaped("up", up, gate.dtype(), gate.shape());
        Tensor y = like(gate);
        long g = address(gate);
        long u = address(up);
        long ys = address(y);
        Parallel.elements(gate.elements(), (from, to) -> {
            float[] gates = Tile.of(Tile.LENGTH);
            float[] ups = Tile.of(Tile.LENGTH);
            float[] sigmoids = Tile.of(Tile.LENGTH);
            for (long i = from; i < to; i += Tile.LENGTH) {
                int n = (int) Math.min(Tile.LENGTH, to - i);
                long offset = Tile.at(0, i, half);
                Tile.read(g + offset, half, gates, 0, n);
                Tile.read(u + offset, half, ups, 0, n);
                opening.of(gates, sigmoids, Tile.padded(n));
                Loops.gate(gates, sigmoids, ups, Tile.padded(n));
                Tile.write(ups, 0, ys + offset, half, n);
            }
        });
        return y;
    }

    static Gated gatedBackward(Tensor dY, Tensor gate, Tensor up, OpeningSlope opening) {
        boolean half = isHalf("dY", dY);
        shaped("gate", gate, dY.dtype(), dY.shape());
        shaped("up", up, dY.dtype(), dY.shape());
        Gated result = new Gated(like(dY), like(dY));
        long d = address(dY);
        long g = address(gate);
        long u = address(up);
        long dG = address(result.dGate());
        long dU = address(result.dUp());
        Parallel.elements(dY.elements(), (from, to) -> {
            float[] dYs = Tile.of(Tile.LENGTH);
            float[] gates = Tile.of(Tile.LENGTH);
            float[] ups = Tile.of(Tile.LENGTH);
            float[] sigmoids = Tile.of(Tile.LENGTH);
            float[] slopes = Tile.of(Tile.LENGTH);
            for (long i = from; i < to; i += Tile.LENGTH) {
                int n = (int) Math.min(Tile.LENGTH, to - i);
                long offset = Tile.at(0, i, half);
                Tile.read(d + offset, half, dYs, 0, n);
                Tile.read(g + offset, half, gates, 0, n);
                Tile.read(u + offset, half, ups, 0, n);
                opening.of(gates, sigmoids, slopes, Tile.padded(n));
                Loops.gateBackward(dYs, gates, sigmoids, slopes, ups, Tile.padded(n));
                Tile.write(gates, 0, dG + offset, half, n);
                Tile.write(ups, 0, dU + offset, half, n);
            }
        });
        return result;
    }
}
