package dev.graft.kernel;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.stream.IntStream;

/// The kernels as ATen operations: any device, easy to read, and what [VectorKernels] is measured against.
public enum PlainKernels implements Kernels {
    INSTANCE;

    /// `2 · √(2/π)`.
    static final double GELU_SLOPE = 2 * Math.sqrt(2 / Math.PI);

    static final double GELU_CUBE = 0.044715;

    // ---------------------------------------------------------------- normalisation

    @Override
    public Normed rmsNorm(Tensor x, Tensor gain, double epsilon) {
        try (Scope scope = Scope.open()) {
            Tensor wide = x.to(DType.F32);
            Tensor inverse = wide.square().mean(1, true).add(epsilon).rsqrt();
            Tensor y = wide.mul(inverse).mul(gain.to(DType.F32)).to(x.dtype());
            return new Normed(scope.keep(y), scope.keep(inverse.view(x.size(0))));
        }
    }

    @Override
    public Tensor rmsNormBackward(Tensor dY, Tensor x, Tensor gain, Tensor inverse) {
        return Scope.local(() -> {
            Tensor column = inverse.unsqueeze(1);
            Tensor normed = x.to(DType.F32).mul(column);
            Tensor dNormed = dY.to(DType.F32).mul(gain.to(DType.F32));
            Tensor along = dNormed.mul(normed).mean(1, true);
            return dNormed.sub(normed.mul(along)).mul(column).to(dY.dtype());
        });
    }

    @Override
    public Tensor rmsNormGainGradient(Tensor dY, Tensor x, Tensor inverse) {
        return Scope.local(() ->
                x.to(DType.F32).mul(inverse.unsqueeze(1)).mul(dY.to(DType.F32)).sum(0, false));
    }

    // ---------------------------------------------------------------- gated unit

    @Override
    public Tensor swiGlu(Tensor gate, Tensor up) {
        return Scope.local(() -> gated(gate.to(DType.F32), gate.to(DType.F32), up));
    }

    @Override
    public Gated swiGluBackward(Tensor dY, Tensor gate, Tensor up) {
        try (Scope scope = Scope.open()) {
            Tensor g = gate.to(DType.F32);
            return kept(scope, gatedBackward(dY, g, g, Tensor.full(1, DType.F32, gate.device()), up));
        }
    }

    @Override
    public Tensor geGlu(Tensor gate, Tensor up) {
        return Scope.local(() -> gated(gate.to(DType.F32), insideGelu(gate.to(DType.F32)), up));
    }

    @Override
    public Gated geGluBackward(Tensor dY, Tensor gate, Tensor up) {
        try (Scope scope = Scope.open()) {
            Tensor g = gate.to(DType.F32);
            Tensor slope = g.square().mul(3 * GELU_CUBE).add(1).mul(GELU_SLOPE);
            return kept(scope, gatedBackward(dY, g, insideGelu(g), slope, up));
        }
    }

    /// What σ is taken of: `2 · √(2/π) · (x + 0.044715 · x³)`.
    private static Tensor insideGelu(Tensor x) {
        return x.square().mul(GELU_CUBE).add(1).mul(x).mul(GELU_SLOPE);
    }

    /// `gate · σ(inside) · up`.
    private static Tensor gated(Tensor gate, Tensor inside, Tensor up) {
        return gate.mul(inside.sigmoid()).mul(up.to(DType.F32)).to(up.dtype());
    }

    /// @param slope of `inside` with respect to the gate
    private static Gated gatedBackward(Tensor dY, Tensor gate, Tensor inside, Tensor slope, Tensor up) {
        Tensor d = dY.to(DType.F32);
        Tensor sigmoid = inside.sigmoid();
        Tensor active = gate.mul(sigmoid);
        // (g · σ(u))′ = σ + g · σ · (1 − σ) · u′
        Tensor activeSlope = sigmoid.add(active.sub(active.mul(sigmoid)).mul(slope));
        return new Gated(
                d.mul(up.to(DType.F32)).mul(activeSlope).to(dY.dtype()),
                d.mul(active).to(dY.dtype()));
    }

    private static Gated kept(Scope scope, Gated gated) {
        return new Gated(scope.keep(gated.dGate()), scope.keep(gated.dUp()));
    }

    // ---------------------------------------------------------------- rotary positions

    @Override
    public Tensor rope(Tensor x, int heads, Tensor cos, Tensor sin) {
        return Scope.local(() -> {
            Tensor perHead =
                    x.to(DType.F32).reshape(x.size(0), heads, x.size(1) / heads).transpose(0, 1);
            return turned(perHead, cos, sin).to(x.dtype());
        });
    }

    @Override
    public Tensor ropeBackward(Tensor dY, Tensor cos, Tensor sin) {
        return Scope.local(() -> {
            Tensor perHead = turned(dY.to(DType.F32), cos, sin.neg());
            return perHead.transpose(0, 1).to(dY.dtype()).reshape(dY.size(1), dY.size(0) * dY.size(2));
        });
    }

    private static Tensor turned(Tensor perHead, Tensor cos, Tensor sin) {
        long pairs = cos.size(1);
        Tensor a = perHead.narrow(2, 0, pairs);
        Tensor b = perHead.narrow(2, pairs, pairs);
        Tensor rest = perHead.narrow(2, 2 * pairs, perHead.size(2) - 2 * pairs);
        return Tensor.cat(List.of(a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin)), rest), 2);
    }

    // ---------------------------------------------------------------- attention

    @Override
    public void rangeSoftmaxInPlace(Tensor scores, Ranges ranges, Scoring scoring, Tensor logSumExp) {
        try (Scope scope = Scope.open()) {
            Tensor s = outside(scored(scores, scoring), ranges, Double.NEGATIVE_INFINITY);
            Tensor sums = s.logSumExp(2);
            scores.copyInPlace(s.sub(sums.unsqueeze(2)).exp());
            logSumExp.copyInPlace(sums);
        }
    }

    @Override
    public void rangeSoftmaxBackwardInPlace(
            Tensor scores, Tensor dP, Ranges ranges, Scoring scoring, Tensor logSumExp, Tensor delta) {
        try (Scope scope = Scope.open()) {
            Tensor scored = scored(scores, scoring);
            Tensor p = outside(scored, ranges, Double.NEGATIVE_INFINITY)
                    .sub(logSumExp.unsqueeze(2))
                    .exp();
            scores.copyInPlace(p);
            Tensor dS = p.mul(dP.to(DType.F32).sub(delta.unsqueeze(2))).mul(scoring.scale());
            if (scoring.isCapped()) {
                dS = dS.mul(scored.mul(1 / scoring.softCap()).square().neg().add(1)); // tanh′ = 1 − tanh²
            }
            dP.copyInPlace(outside(dS, ranges, 0));
        }
    }

    private static Tensor scored(Tensor scores, Scoring scoring) {
        Tensor scaled = scores.to(DType.F32).mul(scoring.scale());
        return scoring.isCapped() ? scaled.mul(1 / scoring.softCap()).tanh().mul(scoring.softCap()) : scaled;
    }

    /// A copy of `[batch, rows, columns]` with `value` in all columns a row may not see.
    private static Tensor outside(Tensor scores, Ranges ranges, double value) {
        int rows = (int) scores.size(1);
        Device device = scores.device();
        Tensor column = Tensor.arange(scores.size(2), device);
        Tensor first = perRow(ranges.first(), rows, device);
        Tensor end = perRow(ranges.end(), rows, device);
        return scores.maskedFill(column.lt(first), value).maskedFill(column.ge(end), value);
    }

    private static Tensor perRow(int[] values, int rows, Device device) {
        int[] repeated =
                IntStream.range(0, rows).map(r -> values[r % values.length]).toArray();
        return Tensor.of(repeated).to(device).unsqueeze(1);
    }

    @Override
    public Tensor rowDot(Tensor a, Tensor b) {
        return Scope.local(() -> a.to(DType.F32).mul(b.to(DType.F32)).sum(a.dims() - 1, false));
    }

    // ---------------------------------------------------------------- head

    @Override
    public LogProbs logProbs(Tensor logits, Tensor targets) {
        try (Scope scope = Scope.open()) {
            Tensor wide = logits.to(DType.F32);
            Tensor sums = wide.logSumExp(1);
            Tensor values = wide.gather(1, targets.unsqueeze(1)).select(1, 0).sub(sums);
            return new LogProbs(scope.keep(values), scope.keep(sums));
        }
    }

    @Override
    public void logProbsBackwardInPlace(Tensor logits, Tensor targets, Tensor logSumExp, Tensor weights) {
        try (Scope scope = Scope.open()) {
            Tensor column = weights.unsqueeze(1);
            Tensor gradient = logits.to(DType.F32)
                    .sub(logSumExp.unsqueeze(1))
                    .exp()
                    .mulInPlace(column.neg())
                    .scatterAddInPlace(1, targets.unsqueeze(1), column);
            logits.copyInPlace(gradient);
        }
    }

    // ---------------------------------------------------------------- dropout

    @Override
    public Tensor dropout(Tensor x, double rate, long seed) {
        DropoutMask mask = DropoutMask.of(rate, seed);
        return Scope.local(() -> {
            Tensor factors = Tensor.empty(DType.F32, Device.cpu(), x.shape());
            MemorySegment memory = factors.memory();
            long elements = x.elements();
            for (long i = 0; i < elements; i++) {
                memory.setAtIndex(ValueLayout.JAVA_FLOAT, i, mask.keeps(i) ? mask.scale() : 0);
            }
            return x.to(DType.F32).mul(factors.to(x.device())).to(x.dtype());
        });
    }

    // ---------------------------------------------------------------- optimizer

    @Override
    public void adamWInPlace(
            Tensor parameter, Tensor gradient, Tensor m, Tensor v, AdamW settings, long step, double gradientScale) {
        double rate = settings.learningRate();
        double c1 = 1 - Math.pow(settings.beta1(), step);
        double c2 = 1 - Math.pow(settings.beta2(), step);
        try (Scope scope = Scope.open()) {
            Tensor g = gradient.mul(gradientScale);
            parameter.mulInPlace(1 - rate * settings.weightDecay());
            m.lerpInPlace(g, 1 - settings.beta1());
            v.mulInPlace(settings.beta2()).addcmulInPlace(g, g, 1 - settings.beta2());
            Tensor spread = v.sqrt().mulInPlace(1 / Math.sqrt(c2)).add(settings.epsilon());
            parameter.addcdivInPlace(m, spread, -rate / c1);
        }
    }
}
