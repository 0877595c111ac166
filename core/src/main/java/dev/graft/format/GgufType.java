package dev.graft.format;

import dev.graft.quant.BlockCodec;
import dev.graft.quant.BlockTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Optional;

/// Every tensor type a GGUF file can name, with ggml's number for it, and how many bytes a block of so
/// many elements takes. Graft describes files of all of them and computes with those that are a [DType]
/// or have a [BlockCodec].
public enum GgufType {
    F32(0, 1, 4),
    F16(1, 1, 2),
    Q4_0(2, 32, 18),
    Q4_1(3, 32, 20),
    Q5_0(6, 32, 22),
    Q5_1(7, 32, 24),
    Q8_0(8, 32, 34),
    Q8_1(9, 32, 40),
    Q2_K(10, 256, 84),
    Q3_K(11, 256, 110),
    Q4_K(12, 256, 144),
    Q5_K(13, 256, 176),
    Q6_K(14, 256, 210),
    Q8_K(15, 256, 292),
    IQ2_XXS(16, 256, 66),
    IQ2_XS(17, 256, 74),
    IQ3_XXS(18, 256, 98),
    IQ1_S(19, 256, 50),
    IQ4_NL(20, 32, 18),
    IQ3_S(21, 256, 110),
    IQ2_S(22, 256, 82),
    IQ4_XS(23, 256, 136),
    I8(24, 1, 1),
    I16(25, 1, 2),
    I32(26, 1, 4),
    I64(27, 1, 8),
    F64(28, 1, 8),
    IQ1_M(29, 256, 56),
    BF16(30, 1, 2),
    TQ1_0(34, 256, 54),
    TQ2_0(35, 256, 66),
    MXFP4(39, 32, 17),
    NVFP4(40, 64, 36),
    Q1_0(41, 128, 18);

    private final int number;
    private final int blockElements;
    private final int blockBytes;

    GgufType(int number, int blockElements, int blockBytes) {
        this.number = number;
        this.blockElements = blockElements;
        this.blockBytes = blockBytes;
    }

    /// ggml's number, as in files.
    public int number() {
        return number;
    }

    /// Elements that are stored together; rows are a multiple of it long.
    public int blockElements() {
        return blockElements;
    }

    /// Bytes of `elements` elements, a multiple of [#blockElements].
    public long bytes(long elements) {
        return Math.multiplyExact(elements / blockElements, (long) blockBytes);
    }

    /// The type Graft computes with, where elements are stored one by one in such a type.
    public Optional<DType> dtype() {
        return Arrays.stream(DType.values())
                .filter(dtype -> dtype.name().equals(name()))
                .findFirst();
    }

    /// How blocks become floats, where Graft knows.
    public Optional<BlockCodec> codec() {
        return BlockCodec.named(name());
    }

    /// A tensor of a block format, unpacked.
    ///
    /// @param packed as stored, rows of whole blocks
    /// @return       belongs to the current scope
    public Tensor decoded(MemorySegment packed, long[] shape, DType type) {
        BlockCodec codec = codec().orElseThrow(() -> new IllegalStateException(name() + " has no blocks to decode"));
        return BlockTensors.decoded(codec, packed, shape, type);
    }

    /// Whether weights of this type can be read as floats.
    public boolean isReadable() {
        return codec().isPresent() || dtype().filter(DType::isFloating).isPresent();
    }

    static Optional<GgufType> numbered(int number) {
        return Arrays.stream(values()).filter(type -> type.number == number).findFirst();
    }
}
