package dev.graft.autograd;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Packed;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Scratch;
import dev.graft.tensor.Tensor;
import java.util.Optional;

/// A weight in few bits that does not learn. It is unpacked for each product, in the forward pass and
/// again in the backward pass, into memory that the next layer of its shape uses again: nothing unpacked
/// outlives its layer. A matrix as large as an embedding table is never unpacked whole, but some rows
/// after others, where its format packs rows apart.
public final class PackedWeight implements Weight {
    /// Elements from which on a matrix is multiplied some rows at a time, and how many those have.
    private static final long LARGE = 1 << 26;

    private static final long AT_ONCE = 1 << 22;

    private Packed packed;
    private final DType type;
    private final DType productType;
    private final Device device;
    private final Scratch scratch;
    private final long rowsAtOnce;

    /// @param packed  taken over
    /// @param type    in which layers compute
    /// @param scratch shared by the weights of a model
    public PackedWeight(Packed packed, DType type, Device device, Scratch scratch) {
        this(packed, type, type, device, scratch);
    }

    /// @param productType type of this weight's own products, whose results are in the type of the
    ///                    layers again
    public PackedWeight(Packed packed, DType type, DType productType, Device device, Scratch scratch) {
        this(packed, type, productType, device, scratch, rowsAtOnce(packed));
    }

    PackedWeight(Packed packed, DType type, DType productType, Device device, Scratch scratch, long rowsAtOnce) {
        this.packed = packed;
        this.type = type;
        this.productType = productType;
        this.device = device;
        this.scratch = scratch;
        this.rowsAtOnce = rowsAtOnce;
    }

    private static long rowsAtOnce(Packed packed) {
        long[] shape = packed.shape();
        boolean whole = packed.elements() < LARGE || packed.rows(0, 1).isEmpty();
        return whole ? shape[0] : Math.min(shape[0], Math.max(1, AT_ONCE / shape[1]));
    }

    /// The numbers as they are kept.
    public Packed packed() {
        return packed;
    }

    /// Keeps other numbers from now on, in the same format.
    ///
    /// @param values float32, in the shape of the weight
    public void repack(Tensor values) {
        Packed other = packed.packedLike(values);
        packed.close();
        packed = other;
    }

    @Override
    public Tensor value() {
        return unpacked(type);
    }

    @Override
    public Tensor rows(Tensor index) {
        return Scope.local(() -> {
            Optional<Packed> picked = packed.rows(index);
            if (picked.isEmpty()) {
                return value().indexSelect(0, index);
            }
            Tensor result = Tensor.empty(type, device, index.elements(), width());
            picked.get().unpack(result);
            return result;
        });
    }

    private long width() {
        return packed.shape()[1];
    }

    private boolean isInParts() {
        return rowsAtOnce < packed.shape()[0];
    }

    /// Hands out the matrix, unpacked, some rows after others.
    private void inRows(RowsOf work) {
        long rows = packed.shape()[0];
        for (long first = 0; first < rows; first += rowsAtOnce) {
            long count = Math.min(rowsAtOnce, rows - first);
            try (Scope scope = Scope.open()) {
                Tensor part =
                        scratch.take(productType, device, rowsAtOnce, width()).narrow(0, 0, count);
                packed.rows(first, count).orElseThrow().unpack(part);
                work.take(first, part);
            }
        }
    }

    private interface RowsOf {
        void take(long first, Tensor rows);
    }

    private Tensor unpacked(DType into) {
        Tensor result = scratch.take(into, device, packed.shape());
        packed.unpack(result);
        return result;
    }

    @Override
    public Tensor product(Tensor x, boolean training) {
        return Scope.local(() -> {
            if (!training) {
                var own = packed.product(x);
                if (own.isPresent()) {
                    return own.get();
                }
            }
            Tensor typed = x.to(productType);
            if (!isInParts()) {
                return typed.mm(unpacked(productType).t()).to(x.dtype());
            }
            Tensor result = Tensor.empty(x.dtype(), device, x.size(0), packed.shape()[0]);
            inRows((first, rows) -> result.narrow(1, first, rows.size(0)).copyInPlace(typed.mm(rows.t())));
            return result;
        });
    }

    @Override
    public Tensor addBackProduct(Tensor sum, Tensor dY) {
        if (isInParts()) {
            return addInRows(sum, dY);
        }
        if (sum == null) {
            return Scope.local(
                    () -> dY.to(productType).mm(unpacked(productType)).to(dY.dtype()));
        }
        try (Scope scope = Scope.open()) {
            return productType == sum.dtype()
                    ? sum.addmmInPlace(dY, unpacked(productType), 1)
                    : sum.addInPlace(dY.to(productType).mm(unpacked(productType)));
        }
    }

    /// The parts are added up in float32.
    private Tensor addInRows(Tensor sum, Tensor dY) {
        return Scope.local(() -> {
            Tensor total = Tensor.zeros(DType.F32, device, dY.size(0), width());
            inRows((first, rows) -> total.addInPlace(dY.narrow(1, first, rows.size(0))
                    .contiguous()
                    .to(productType)
                    .mm(rows)));
            return sum == null ? total.to(dY.dtype()) : sum.addInPlace(total);
        });
    }

    @Override
    public boolean isTrainable() {
        return false;
    }

    @Override
    public void accumulate(Tensor gradient) {
        throw new IllegalStateException("a packed weight takes no gradient");
    }

    @Override
    public long elements() {
        return packed.elements();
    }

    @Override
    public void close() {
        packed.close();
    }
}
