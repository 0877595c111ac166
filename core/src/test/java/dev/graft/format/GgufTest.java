package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.graft.Goldens;
import dev.graft.SharedData;
import dev.graft.quant.BlockCodec;
import dev.graft.quant.SmallBlocks;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Files written by the `gguf` Python package (`scripts/goldens_gguf.py`) and files built by hand.
class GgufTest {
    @TempDir
    Path folder;

    @Test
    void metadataOfEveryTypeIsRead() {
        try (Gguf gguf = Gguf.open(Goldens.path("gguf/blocks.gguf"))) {
            assertThat(plain(gguf, "uint8")).isEqualTo(200L);
            assertThat(plain(gguf, "int8")).isEqualTo(-100L);
            assertThat(plain(gguf, "uint16")).isEqualTo(60_000L);
            assertThat(plain(gguf, "int16")).isEqualTo(-30_000L);
            assertThat(plain(gguf, "uint32")).isEqualTo(4_000_000_000L);
            assertThat(plain(gguf, "int32")).isEqualTo(-2_000_000_000L);
            assertThat(plain(gguf, "uint64")).isEqualTo(1L << 62);
            assertThat(plain(gguf, "int64")).isEqualTo(-(1L << 62));
            assertThat(plain(gguf, "float32")).isEqualTo(0.1);
            assertThat(plain(gguf, "float64")).isEqualTo(0.1);
            assertThat(plain(gguf, "bool")).isEqualTo(true);
            assertThat(plain(gguf, "string")).isEqualTo("grüße 𝄞");
            assertThat(plain(gguf, "strings")).isEqualTo(List.of("a", "", "▁b"));
            assertThat(plain(gguf, "floats")).isEqualTo(List.of(0.5, -1.5));
            assertThat(plain(gguf, "ints")).isEqualTo(List.of(1L, -2L, 3L));
        }
    }

    @Test
    void numbersBeyond63BitsAreReadAndRefusedWhereOneIsAskedFor() throws IOException {
        Path file = Files.write(
                folder.resolve("huge.gguf"),
                new GgufBytes()
                        .start(3, 0, 2)
                        .text("seed")
                        .u32(10)
                        .u64(-2)
                        .text("on")
                        .u32(7)
                        .raw(new byte[] {32}) // any byte but 0 is true, as in llama.cpp
                        .bytes());
        try (Gguf gguf = Gguf.open(file)) {
            assertThat(gguf.metadata().get("seed").plain()).isEqualTo("18446744073709551614");
            assertThat(gguf.flag("on")).contains(true);
            assertThatExceptionOfType(FormatException.class)
                    .isThrownBy(() -> gguf.whole("seed"))
                    .withMessageContainingAll("seed", "18446744073709551614", "below 2^63");
        }
    }

    private static Object plain(Gguf gguf, String kind) {
        return gguf.metadata().get("kind." + kind).plain();
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"})
    void blocksDecodeAsInTheReferenceBitForBit(String type) {
        try (Gguf gguf = Gguf.open(Goldens.path("gguf/blocks.gguf"))) {
            BlockCodec codec = BlockCodec.named(type).orElseThrow();
            assertThat(gguf.type("packed." + type).bytes(codec.elements())).isEqualTo(codec.bytes());
            MemorySegment packed = gguf.data("packed." + type);
            float[] expected = gguf.data("decoded." + type).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            float[] values = new float[expected.length];
            for (int block = 0; block < values.length / codec.elements(); block++) {
                codec.decode(packed, (long) block * codec.bytes(), values, block * codec.elements());
            }
            assertThat(values).containsExactly(expected);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"Q8_0", "Q4_0"})
    void valuesEncodeAsInTheReferenceByteForByte(String type) {
        try (Gguf gguf = Gguf.open(Goldens.path("gguf/blocks.gguf"))) {
            SmallBlocks codec = SmallBlocks.valueOf(type);
            float[] values = gguf.data("values." + type).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            byte[] encoded = new byte[values.length / 32 * codec.bytes()];
            for (int block = 0; block < values.length / 32; block++) {
                codec.encode(values, 32 * block, MemorySegment.ofArray(encoded), (long) block * codec.bytes());
            }
            assertThat(encoded).containsExactly(gguf.data("encoded." + type).toArray(ValueLayout.JAVA_BYTE));
        }
    }

    @Test
    void aRealModelOpens() {
        try (Gguf gguf = Gguf.open(SharedData.file("models/stories260k/gguf/stories260K.gguf"))) {
            assertThat(gguf.entries()).hasSize(48);
            assertThat(gguf.text("general.architecture")).contains("llama");
            assertThat(gguf.entry("blk.0.ffn_down.weight").shape()).containsExactly(64, 172);
            assertThat(gguf.texts("tokenizer.ggml.tokens").orElseThrow()).hasSize(512);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "1          | GGUF version 1      | version 2 or 3",
                "4          | GGUF version 4      | newer Graft",
                "50331648   | big-endian          | little-endian",
            })
    void otherVersionsAreRefusedByName(int version, String found, String expected) throws IOException {
        refused(new GgufBytes().start(version, 0, 0), found, expected);
    }

    @Test
    void alignmentIsHonoured() throws IOException {
        byte[] bytes = new GgufBytes()
                .start(3, 1, 1)
                .text("general.alignment")
                .u32(4)
                .u32(64)
                .tensor("w", 24, 64, 3)
                .padded(64)
                .data(67)
                .bytes();
        try (Gguf gguf = Gguf.open(write("aligned.gguf", bytes))) {
            assertThat(Bytes.of(gguf.data("w"))).containsExactly(64, 65, 66);
        }
    }

    @Test
    void everyRuleOfTheLayoutIsChecked() throws IOException {
        refused(one("w", 2, 0, 31), "rows of 31", "multiple of its blocks of 32");
        refused(one("w", 0, 4, 1), "not aligned", "divisible by 32");
        refused(one("w", 0, 0, 1000), "beyond the end");
        refused(one("w", 5, 0, 1), "type number 5");
        refused(one("w", 0, 0, 1, 1, 1, 1, 1), "5 dimensions");
        refused(one("w", 0, 0, 1L << 40, 1L << 40), "overflows");
        refused(one("w", 0, -32, 1), "overflows");
        var two = new GgufBytes().start(3, 2, 0).tensor("a", 0, 0, 9).tensor("b", 0, 32, 1);
        refused(two.padded(32).data(64), "overlaps");
        var same = new GgufBytes().start(3, 2, 0).tensor("a", 0, 0, 1).tensor("a", 0, 32, 1);
        refused(same.padded(32).data(64), "\"a\" is there twice");
        refused(new GgufBytes().start(3, 0, 1).text("k").u32(9).u32(9).u64(0), "array of arrays");
        refused(new GgufBytes().start(3, 0, 1).text("k").u32(9).u32(8).u64(1L << 50), "claims 1125899906842624");
        refused(new GgufBytes().start(3, 0, 1).text("k").u32(8).u64(1).raw(new byte[] {-1}), "not UTF-8");
    }

    private static GgufBytes one(String name, int type, long offset, long... dimensions) {
        return new GgufBytes()
                .start(3, 1, 0)
                .tensor(name, type, offset, dimensions)
                .padded(32)
                .data(64);
    }

    @Test
    void aFileBeyondTwoGibibytesIsRead() throws IOException {
        long elements = (1L << 31) + 32;
        byte[] start = new GgufBytes()
                .start(3, 2, 0)
                .tensor("big", 24, 0, elements)
                .tensor("last", 24, elements, 1)
                .padded(32)
                .bytes();
        Path file = write("big.gguf", start);
        try (var sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.seek(start.length + elements);
            sparse.write(42);
        }
        try (Gguf gguf = Gguf.open(file)) {
            assertThat(Bytes.of(gguf.data("last"))).containsExactly(42);
        }
    }

    @Test
    void aSplitModelIsOne() throws IOException {
        split("m", 2);
        try (Gguf gguf = Gguf.open(folder.resolve("m-00001-of-00002.gguf"))) {
            assertThat(gguf.entries()).containsOnlyKeys("t1", "t2");
            assertThat(gguf.files()).hasSize(2);
            assertThat(Bytes.of(gguf.data("t2"))).startsWith(0, 1);
        }
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Gguf.open(folder.resolve("m-00002-of-00002.gguf")))
                .withMessageContaining("m-00001-of-00002.gguf");
        Files.delete(folder.resolve("m-00002-of-00002.gguf"));
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Gguf.open(folder.resolve("m-00001-of-00002.gguf")))
                .withMessageContainingAll("m-00002-of-00002.gguf", "no such file");
    }

    private List<Path> split(String name, int parts) throws IOException {
        List<Path> files = new ArrayList<>();
        for (int part = 1; part <= parts; part++) {
            byte[] bytes = new GgufBytes()
                    .start(3, 1, 2)
                    .text("split.count")
                    .u32(2)
                    .raw(new byte[] {(byte) parts, 0})
                    .text("split.tensors.count")
                    .u32(5)
                    .u32(parts)
                    .tensor("t" + part, 24, 0, 2)
                    .padded(32)
                    .data(2)
                    .bytes();
            files.add(write("%s-%05d-of-%05d.gguf".formatted(name, part, parts), bytes));
        }
        return files;
    }

    private void refused(GgufBytes bytes, String... words) throws IOException {
        Path file = write("bad.gguf", bytes.bytes());
        assertThatExceptionOfType(FormatException.class)
                .isThrownBy(() -> Gguf.open(file).close())
                .withMessageContainingAll(words);
    }

    private Path write(String name, byte[] bytes) throws IOException {
        return Files.write(folder.resolve(name), bytes);
    }
}
