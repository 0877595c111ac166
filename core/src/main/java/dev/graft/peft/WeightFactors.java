package dev.graft.peft;

import dev.graft.autograd.PackedWeight;
import dev.graft.autograd.Weight;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.LinearAlgebra;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;

/// Factors that begin as a part of the layer's own weight, as PEFT computes them: in float32, on the device
/// of the weight. They belong to the current scope.
///
/// @param a `[rank, in]`
/// @param b `[out, rank]`
record WeightFactors(Tensor a, Tensor b) {
    /// Factors of a layer, `scale·b·a` being the part of its weight.
    static WeightFactors of(Lora settings, String layer, Weight weight, NamedTensors source, SplittableRandom random) {
        int rank = settings.rankOf(layer);
        double scale = settings.scaleOf(layer);
        Lora.Init init = settings.init();
        boolean packed = packedOf(weight);
        if (init == Lora.Init.PISSA && packed) {
            throw new IllegalArgumentException(
                    "init_lora_weights is pissa and %s is quantised; use loftq or olora there, or a base that is not quantised"
                            .formatted(layer));
        }
        Tensor w = init == Lora.Init.LOFTQ
                ? unpacked(layer, packed, source)
                : weight.value().to(DType.F32);
        if (rank > Math.min(w.size(0), w.size(1))) {
            throw new IllegalArgumentException("init_lora_weights is %s and %s has shape %s: it has no rank of %d"
                    .formatted(init.name().toLowerCase(Locale.ROOT), layer, Arrays.toString(w.shape()), rank));
        }
        return switch (init) {
            case OLORA -> firstOfQr(w, rank);
            case PISSA ->
                settings.niter() == 0
                        ? balanced(LinearAlgebra.svd(w), rank, scale)
                        : balanced(projected(w, rank, settings.niter(), random), rank, scale);
            case LOFTQ -> loftq(w, (PackedWeight) weight, rank, scale, Math.max(1, settings.niter()));
            default -> throw new IllegalStateException(init + " begins with InitialFactors");
        };
    }

    private static boolean packedOf(Weight weight) {
        return weight instanceof PackedWeight;
    }

    /// The largest singular values of what quantisation took away, and each further time the weight less
    /// those is quantised anew. PEFT's factors leave the scale out of account.
    private static WeightFactors loftq(Tensor w, PackedWeight base, int rank, double scale, int iterations) {
        for (int i = 1; ; i++) {
            Tensor kept = base.packed().unpacked(DType.F32, w.device());
            WeightFactors factors = balanced(LinearAlgebra.svd(w.sub(kept)), rank, scale);
            if (i == iterations) {
                return factors;
            }
            base.repack(w.sub(factors.b.mm(factors.a).mul(scale)));
        }
    }

    /// The weight as it was before it was quantised.
    private static Tensor unpacked(String layer, boolean packed, NamedTensors source) {
        String tensor = layer + ".weight";
        if (!packed || source.isPacked(tensor)) {
            throw new IllegalArgumentException(
                    "init_lora_weights is loftq and %s is %s; loftq starts from what is lost when a model is quantised while it is loaded: set quantization.load_in_4bit, with a base that is not quantised"
                            .formatted(layer, packed ? "stored quantised" : "not quantised"));
        }
        Tensor stored = source.computed(tensor).to(DType.F32);
        return source.layout(layer).transposed() ? stored.t().contiguous() : stored;
    }

    /// The largest singular values, half of each to either factor.
    private static WeightFactors balanced(LinearAlgebra.Svd svd, int rank, double scale) {
        Tensor root = svd.s().narrow(0, 0, rank).mul(1 / scale).sqrt();
        return new WeightFactors(
                svd.vt().narrow(0, 0, rank).mul(root.unsqueeze(1)),
                svd.u().narrow(1, 0, rank).mul(root.unsqueeze(0)));
    }

    /// Singular values of the part of `w` that a random projection finds, sharpened by power iterations:
    /// Halko et al. 2009, <https://arxiv.org/abs/0909.4061>, as `torch.svd_lowrank`.
    private static LinearAlgebra.Svd projected(Tensor w, int rank, int iterations, SplittableRandom random) {
        float[] values = new float[Math.toIntExact(w.size(1) * rank)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        Tensor basis = LinearAlgebra.qr(w.mm(Tensor.of(values, w.size(1), rank).to(w.device())))
                .q();
        for (int i = 0; i < iterations; i++) {
            Tensor back = LinearAlgebra.qr(w.t().mm(basis)).q();
            basis = LinearAlgebra.qr(w.mm(back)).q();
        }
        LinearAlgebra.Svd inside = LinearAlgebra.svd(basis.t().mm(w));
        return new LinearAlgebra.Svd(basis.mm(inside.u()), inside.s(), inside.vt());
    }

    private static WeightFactors firstOfQr(Tensor w, int rank) {
        LinearAlgebra.Qr qr = LinearAlgebra.qr(w);
        return new WeightFactors(qr.r().narrow(0, 0, rank), qr.q().narrow(1, 0, rank));
    }
}
