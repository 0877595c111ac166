package dev.graft.tensor;

/// How much a tensor of some shape holds. A number that does not fit 63 bits is an [ArithmeticException]
/// and never a smaller one.
public final class Shapes {
    private Shapes() {}

    /// Elements of a tensor; 1 for a scalar.
    public static long elements(long... shape) {
        long product = 1;
        for (long size : shape) {
            product = Math.multiplyExact(product, size);
        }
        return product;
    }

    /// Bytes of a tensor, in memory as in files.
    public static long bytes(DType dtype, long... shape) {
        return Math.multiplyExact(elements(shape), (long) dtype.bytes());
    }
}
