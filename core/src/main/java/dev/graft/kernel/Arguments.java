package dev.graft.kernel;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// What stands between a caller's mistake and raw memory: every kernel asks here before it takes an address.
final class Arguments {
    private Arguments() {}

    /// Whether an argument is bfloat16 rather than float32.
    static boolean isHalf(String name, Tensor tensor) {
        return switch (tensor.dtype()) {
            case F32 -> false;
            case BF16 -> true;
            default -> throw new IllegalArgumentException("%s is %s; expected F32 or BF16".formatted(name, tensor));
        };
    }

    /// Length of the last dimension of an argument that must have `dims` of them.
    static int width(String name, Tensor tensor, int dims) {
        if (tensor.dims() != dims || tensor.size(-1) > Integer.MAX_VALUE - Lanes.COUNT) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %d dimensions, the last below 2³¹".formatted(name, tensor, dims));
        }
        return (int) tensor.size(-1);
    }

    static Tensor shaped(String name, Tensor tensor, DType dtype, long... shape) {
        if (tensor.dtype() != dtype || !Arrays.equals(tensor.shape(), shape)) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %s of %s".formatted(name, tensor, Arrays.toString(shape), dtype));
        }
        return tensor;
    }

    /// A vector of any floating type as a tile.
    static float[] floats(String name, Tensor vector, int length) {
        return Arrays.copyOf(shaped(name, vector, vector.dtype(), length).toFloats(), Tile.padded(length));
    }

    static Tensor like(Tensor tensor) {
        return Tensor.empty(tensor.dtype(), Device.cpu(), tensor.shape());
    }

    static long address(Tensor tensor) {
        return tensor.memory().address();
    }

    static void check(Kernels.Ranges ranges, int columns) {
        for (int i = 0; i < ranges.rows(); i++) {
            int first = ranges.first()[i];
            int end = ranges.end()[i];
            if (first < 0 || first >= end || end > columns) {
                throw new IllegalArgumentException("range %d is [%d, %d); expected columns inside [0, %d), at least one"
                        .formatted(i, first, end, columns));
            }
        }
    }

    static MemorySegment columns(Tensor targets, long rows, int vocab) {
        MemorySegment columns = shaped("targets", targets, DType.I64, rows).memory();
        for (long r = 0; r < rows; r++) {
            long column = columns.getAtIndex(ValueLayout.JAVA_LONG, r);
            if (column < 0 || column >= vocab) {
                throw new IllegalArgumentException(
                        "targets[%d] is %d; expected a column below %d".formatted(r, column, vocab));
            }
        }
        return columns;
    }

    /// Codes and scales that fit the numbers they stand for.
    static void blocks(Tensor numbers, Codebook book, int block, Tensor codes, Tensor absmax) {
        blocks(numbers, book, block, codes, new RowProducts.Scales.Plain(absmax));
    }

    /// The same with scales that may be packed.
    static void blocks(Tensor numbers, Codebook book, int block, Tensor codes, RowProducts.Scales scales) {
        if (block < 2 || block % 2 != 0) {
            throw new IllegalArgumentException("blocks of %d; expected an even number".formatted(block));
        }
        if (book.bits() == 8 && scales instanceof RowProducts.Scales.Nested) {
            throw new IllegalArgumentException("codes of 8 bits with packed scales; expected scales in float32");
        }
        requireWhole("numbers", numbers);
        elements("codes", codes, DType.U8, book.bytes(numbers.elements()));
        scales(scales, Math.ceilDiv(numbers.elements(), block));
    }

    /// A float32 parameter, and a gradient and moments that fit it.
    static void moments(Tensor parameter, Tensor gradient, QuantKernels.Moments moments) {
        shaped("parameter", parameter, DType.F32, parameter.shape());
        shaped("gradient", gradient, DType.F32, parameter.shape());
        requireWhole("gradient", gradient);
        blocks(parameter, DynamicMap.SIGNED, QuantKernels.MOMENTS_BLOCK, moments.m(), moments.mAbsmax());
        blocks(parameter, DynamicMap.UNSIGNED, QuantKernels.MOMENTS_BLOCK, moments.v(), moments.vAbsmax());
    }

    /// The same for rows.
    static void rows(Tensor numbers, Tensor codes, Tensor absmax) {
        width("numbers", numbers, 2);
        requireWhole("numbers", numbers);
        shaped("codes", codes, DType.I8, numbers.shape());
        requireWhole("codes", codes);
        shaped("absmax", absmax, DType.F32, numbers.size(0));
        requireWhole("absmax", absmax);
    }

    /// A few rows and a matrix of signed bytes to multiply them by.
    static void bytes(Tensor x, Tensor codes) {
        int width = columns(x);
        if (x.dtype() != DType.I8) {
            isHalf("x", x);
        } else if (width > RowProducts.exactColumns()) {
            throw new IllegalArgumentException(
                    "x is %s; expected at most %d columns of whole numbers".formatted(x, RowProducts.exactColumns()));
        }
        shaped("codes", codes, DType.I8, codes.size(0), width);
        requireWhole("codes", codes);
    }

    /// The same for a matrix of bfloat16.
    static void halves(Tensor x, Tensor matrix) {
        int width = columns(x);
        isHalf("x", x);
        shaped("matrix", matrix, DType.BF16, matrix.size(0), width);
        requireWhole("matrix", matrix);
    }

    /// Queries, and keys and values they fit.
    static void attention(Tensor q, Tensor k, Tensor v, Kernels.Ranges ranges) {
        int headDim = width("q", q, 3);
        isHalf("q", q);
        width("k", k, 3);
        shaped("k", k, q.dtype(), k.size(0), k.size(1), headDim);
        shaped("v", v, q.dtype(), k.shape());
        requireWhole("q", q);
        requireWhole("k", k);
        requireWhole("v", v);
        if (q.size(0) % k.size(0) != 0 || ranges.rows() != q.size(1)) {
            throw new IllegalArgumentException("q is %s, k is %s, and there are %d ranges; expected a range for each"
                            .formatted(q, k, ranges.rows())
                    + " token and a multiple of the heads of k");
        }
        check(ranges, Math.toIntExact(k.size(1)));
    }

    /// The same for a matrix of 4-bit blocks.
    static void blocks(Tensor x, Tensor codes, Codebook book, int block, RowProducts.Scales scales, long out) {
        int width = columns(x);
        isHalf("x", x);
        if (block < 2 || block % 2 != 0 || book.bits() != 4) {
            throw new IllegalArgumentException("blocks of %d with codes of %d bits; expected an even number and 4 bits"
                    .formatted(block, book.bits()));
        }
        long elements = Math.multiplyExact(out, width);
        elements("codes", codes, DType.U8, book.bytes(elements));
        scales(scales, Math.ceilDiv(elements, block));
    }

    private static void scales(RowProducts.Scales scales, long blocks) {
        switch (scales) {
            case RowProducts.Scales.Plain plain -> elements("absmax", plain.absmax(), DType.F32, blocks);
            case RowProducts.Scales.Nested nested -> {
                elements("absmax", nested.codes(), DType.U8, blocks);
                elements("nested absmax", nested.absmax(), DType.F32, Math.ceilDiv(blocks, nested.block()));
            }
        }
    }

    private static int columns(Tensor x) {
        requireWhole("x", x);
        return width("x", x, 2);
    }

    private static void elements(String name, Tensor tensor, DType dtype, long elements) {
        if (tensor.dtype() != dtype || tensor.elements() != elements) {
            throw new IllegalArgumentException(
                    "%s is %s; expected %,d elements of %s".formatted(name, tensor, elements, dtype));
        }
        requireWhole(name, tensor);
    }

    private static void requireWhole(String name, Tensor tensor) {
        if (!tensor.isContiguous()) {
            throw new IllegalArgumentException("%s is not contiguous".formatted(name));
        }
    }
}
