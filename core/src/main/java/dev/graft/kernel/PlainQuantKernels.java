package dev.graft.kernel;

import dev.graft.kernel.RowProducts.Scales;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntUnaryOperator;

/// Packing and unpacking as ATen operations: any device, easy to read, and what [VectorQuantKernels] is
/// compared with.
public enum PlainQuantKernels implements QuantKernels {
    INSTANCE;

    @Override
    public void quantiseBlocks(Tensor x, Codebook book, int block, Tensor codes, Tensor absmax) {
        Arguments.blocks(x, book, block, codes, absmax);
        try (Scope scope = Scope.open()) {
            long elements = x.elements();
            long blocks = absmax.elements();
            Tensor padding = Tensor.zeros(DType.F32, x.device(), blocks * block - elements);
            Tensor rows = Tensor.cat(List.of(x.to(DType.F32).reshape(elements), padding), 0)
                    .view(blocks, block);
            Tensor largest = rows.abs().amax(1, false);
            Tensor empty = largest.lt(Tensor.full(Float.MIN_NORMAL, DType.F32, x.device(), 1));
            Tensor inverse = Tensor.full(1, DType.F32, x.device(), blocks).div(largest);
            Tensor scaled = rows.mul(inverse.unsqueeze(1)).view(blocks * block);
            Tensor found = codesOf(scaled, book).view(blocks, block).maskedFill(empty.unsqueeze(1), 0);
            absmax.copyInPlace(largest.maskedFill(empty, 0).view(absmax.shape()));
            Tensor bytes =
                    found.view(blocks * block).narrow(0, 0, book.bits() == 8 ? elements : elements + elements % 2);
            if (book.bits() == 4) {
                Tensor pairs = bytes.view(bytes.elements() / 2, 2);
                bytes = pairs.select(1, 0).mul(16).add(pairs.select(1, 1));
            }
            codes.copyInPlace(bytes.view(codes.shape()));
        }
    }

    /// The rank of each number by halving, then the code of the rank: int64.
    private static Tensor codesOf(Tensor x, Codebook book) {
        int count = book.thresholds().length + 1;
        float[] bounds = Arrays.copyOf(book.thresholds(), count);
        bounds[count - 1] = Float.POSITIVE_INFINITY;
        Tensor thresholds = Tensor.of(bounds).to(x.device());
        Tensor rank = Tensor.zeros(DType.I64, x.device(), x.elements());
        for (int step = count / 2; step > 0; step /= 2) {
            Tensor middle = thresholds.indexSelect(0, rank.add(step - 1).to(DType.I64));
            rank = rank.add(middle.lt(x).to(DType.I64).mul(step)).to(DType.I64);
        }
        long[] codes = new long[count];
        for (int i = 0; i < count; i++) {
            codes[i] = book.codesByRank()[i] & 0xff;
        }
        return Tensor.of(codes).to(x.device()).indexSelect(0, rank);
    }

    @Override
    public void dequantiseBlocks(Tensor codes, Scales packedScales, Codebook book, int block, Tensor y) {
        Arguments.blocks(y, book, block, codes, packedScales);
        Arguments.isHalf("y", y);
        try (Scope scope = Scope.open()) {
            Tensor absmax = values(packedScales);
            long elements = y.elements();
            Tensor bytes = codes.view(codes.elements()).to(DType.I64);
            Tensor values = book.bits() == 8
                    ? lookUp(bytes, book, code -> code)
                    : Tensor.stack(List.of(lookUp(bytes, book, b -> b >> 4), lookUp(bytes, book, b -> b & 15)), 1)
                            .view(2 * codes.elements())
                            .narrow(0, 0, elements);
            Tensor scales = absmax.view(absmax.elements(), 1)
                    .expand(absmax.elements(), block)
                    .reshape(absmax.elements() * block)
                    .narrow(0, 0, elements);
            y.copyInPlace(values.mul(scales).view(y.shape()));
        }
    }

    private static Tensor lookUp(Tensor bytes, Codebook book, IntUnaryOperator code) {
        float[] table = new float[256];
        for (int b = 0; b < 256; b++) {
            table[b] = book.value(code.applyAsInt(b));
        }
        return Tensor.of(table).to(bytes.device()).indexSelect(0, bytes);
    }

    @Override
    public void quantiseRows(Tensor x, Tensor codes, Tensor absmax) {
        Arguments.rows(x, codes, absmax);
        try (Scope scope = Scope.open()) {
            Tensor wide = x.to(DType.F32);
            Tensor largest = wide.abs().amax(1, false);
            Tensor zero = largest.eq(Tensor.zeros(DType.F32, x.device(), 1));
            Tensor factor = Tensor.full(1, DType.F32, x.device(), largest.elements())
                    .div(largest)
                    .mul(127);
            Tensor whole = wide.mul(factor.unsqueeze(1)).round().maskedFill(zero.unsqueeze(1), 0);
            codes.copyInPlace(whole);
            absmax.copyInPlace(largest);
        }
    }

    @Override
    public void dequantiseRows(Tensor codes, Tensor absmax, Tensor y) {
        Arguments.rows(y, codes, absmax);
        Arguments.isHalf("y", y);
        try (Scope scope = Scope.open()) {
            y.copyInPlace(codes.to(DType.F32).mul(absmax.unsqueeze(1)).mul(PER_ROW_STEP));
        }
    }

    @Override
    public void adamWInPlace(
            Tensor parameter,
            Tensor gradient,
            Moments moments,
            Kernels.AdamW settings,
            long step,
            double gradientScale) {
        Arguments.moments(parameter, gradient, moments);
        MomentsStep numbers = MomentsStep.of(settings, step, gradientScale);
        try (Scope scope = Scope.open()) {
            Tensor finite = gradient.abs().lt(Tensor.full(Float.POSITIVE_INFINITY, DType.F32, gradient.device(), 1));
            Tensor kept = finite.to(DType.F32);
            Tensor broken = kept.eq(Tensor.zeros(DType.F32, gradient.device(), 1));
            Tensor g = gradient.mul(numbers.scale());
            Tensor m = unpacked(moments.m(), moments.mAbsmax(), DynamicMap.SIGNED, parameter);
            Tensor v = unpacked(moments.v(), moments.vAbsmax(), DynamicMap.UNSIGNED, parameter);
            v = v.mul(numbers.beta2()).add(g.mul(numbers.rest2()).mul(g)).maskedFill(broken, 0);
            m = m.mul(numbers.beta1()).add(g.mul(numbers.rest1())).maskedFill(broken, 0);
            Tensor change = m.div(v.sqrt().add(numbers.epsilon())).mul(numbers.rate());
            Tensor moved = parameter.add(change).mul(numbers.keep());
            // where the gradient is broken nothing moves, not even by the decay
            parameter.copyInPlace(moved.maskedFill(broken, 0).add(parameter.maskedFill(finite, 0)));
            Tensor scaled = scaledBlocks(m, moments.mAbsmax());
            moments.m()
                    .copyInPlace(signed(codesOf(scaled, DynamicMap.SIGNED), m)
                            .view(moments.m().shape()));
            Tensor squares = scaledBlocks(v, moments.vAbsmax());
            moments.v()
                    .copyInPlace(codesOf(squares, DynamicMap.UNSIGNED)
                            .view(moments.v().shape()));
        }
    }

    private Tensor unpacked(Tensor codes, Tensor absmax, Codebook book, Tensor like) {
        Tensor y = Tensor.empty(DType.F32, like.device(), like.shape());
        dequantiseBlocks(codes, absmax, book, MOMENTS_BLOCK, y);
        return y;
    }

    /// Numbers divided by the absmax of their blocks, which is written.
    private static Tensor scaledBlocks(Tensor x, Tensor absmax) {
        long elements = x.elements();
        long blocks = absmax.elements();
        Tensor padding = Tensor.zeros(DType.F32, x.device(), blocks * MOMENTS_BLOCK - elements);
        Tensor rows = Tensor.cat(List.of(x.reshape(elements), padding), 0).view(blocks, MOMENTS_BLOCK);
        Tensor largest = rows.abs().amax(1, false);
        absmax.copyInPlace(largest.view(absmax.shape()));
        return rows.div(largest.unsqueeze(1)).view(blocks * MOMENTS_BLOCK).narrow(0, 0, elements);
    }

    /// Codes of the signed map, moved by one where their value has another sign than the number.
    private static Tensor signed(Tensor codes, Tensor numbers) {
        Tensor zero = Tensor.zeros(DType.F32, numbers.device(), 1);
        Tensor x = numbers.reshape(numbers.elements());
        Tensor negative = Tensor.full(1, DType.F32, x.device(), 1).div(x).lt(zero); // −0 too
        Tensor negativeValue = lookUp(codes, DynamicMap.SIGNED, code -> code).lt(zero);
        Tensor differs = negative.to(DType.I64).sub(negativeValue.to(DType.I64)).square();
        Tensor direction = zero.lt(x).to(DType.I64).mul(2).add(-1);
        return codes.add(differs.mul(direction)).add(256).to(DType.I64);
    }
}
