package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsWriterTest {
    @TempDir
    Path directory;

    private Path file;

    @BeforeEach
    void nameFile() {
        file = directory.resolve("out.safetensors");
    }

    @ParameterizedTest
    @EnumSource(DType.class)
    void everyTypeComesBackAsWritten(DType dtype) {
        byte[] bytes = random(6 * dtype.bytes());
        byte[] scalar = random(dtype.bytes());
        SafetensorsWriter.write(
                file,
                List.of(
                        part("matrix", dtype, bytes, 2, 3),
                        part("scalar", dtype, scalar),
                        part("empty", dtype, new byte[0], 3, 0)));
        try (var weights = Safetensors.open(file)) {
            assertThat(weights.metadata()).isEqualTo(Map.of("format", "pt"));
            assertThat(weights.entry("matrix").dtype()).contains(dtype);
            assertThat(weights.entry("matrix").shape()).containsExactly(2, 3);
            assertThat(weights.entry("scalar").shape()).isEmpty();
            assertThat(Bytes.of(weights.data("matrix"))).isEqualTo(bytes);
            assertThat(Bytes.of(weights.data("scalar"))).isEqualTo(scalar);
            assertThat(weights.data("empty").byteSize()).isZero();
        }
    }

    /// `every_dtype.safetensors` is written by scripts/goldens_safetensors.py.
    @Test
    void writesByteForByteWhatThePythonLibraryWrites() throws IOException {
        Path golden = SafetensorsTest.resource("every_dtype.safetensors");
        try (var weights = Safetensors.open(golden)) {
            List<Part> parts = new ArrayList<>();
            weights.entries()
                    .forEach((name, entry) ->
                            parts.add(new Part(name, entry.dtype().orElseThrow(), entry.shape(), weights.data(name))));
            Collections.shuffle(parts, new Random(1));
            SafetensorsWriter.write(file, parts);
        }
        assertThat(Files.readAllBytes(file)).isEqualTo(Files.readAllBytes(golden));
    }

    @Test
    void tensorsAreAligned() throws IOException {
        List<Part> parts = new ArrayList<>();
        for (DType dtype : DType.values()) {
            parts.addFirst(part(dtype.name(), dtype, random(3 * dtype.bytes()), 3));
        }
        SafetensorsWriter.write(file, parts, Map.of());
        try (var weights = Safetensors.open(file)) {
            assertThat(weights.metadata()).isEmpty();
            weights.entries()
                    .forEach((name, entry) -> assertThat(weights.data(name).address()
                                    % DType.valueOf(name).bytes())
                            .as(name)
                            .isZero());
        }
    }

    @Test
    void tensorsLargerThanAChunkComeBackAsWritten() {
        byte[] bytes = random((20 << 20) + 1);
        byte[] streamed = random((9 << 20) + 5);
        SafetensorsWriter.write(
                file,
                List.of(
                        part("segment", DType.U8, bytes, bytes.length),
                        new Part("stream", DType.I8, new long[] {streamed.length}, channel -> {
                            channel.write(ByteBuffer.wrap(streamed, 0, 7));
                            channel.write(ByteBuffer.wrap(streamed, 7, streamed.length - 7));
                        })));
        try (var weights = Safetensors.open(file)) {
            assertThat(Bytes.of(weights.data("segment"))).isEqualTo(bytes);
            assertThat(Bytes.of(weights.data("stream"))).isEqualTo(streamed);
        }
    }

    @Test
    void nativeMemoryOfAnyArenaIsWritten() {
        try (Arena confined = Arena.ofConfined();
                Arena shared = Arena.ofShared()) {
            var first = confined.allocate(4).fill((byte) 1);
            var second = shared.allocate(4).fill((byte) 2);
            SafetensorsWriter.write(
                    file,
                    List.of(
                            new Part("first", DType.F32, new long[] {1}, first),
                            new Part("second", DType.F32, new long[] {1}, second)));
        }
        try (var weights = Safetensors.open(file)) {
            assertThat(Bytes.of(weights.data("first"))).containsOnly(1);
            assertThat(Bytes.of(weights.data("second"))).containsOnly(2);
        }
    }

    @Test
    void failingSourceLeavesTheOldFile() throws IOException {
        SafetensorsWriter.write(file, List.of(part("a", DType.U8, new byte[] {5}, 1)));
        byte[] before = Files.readAllBytes(file);
        Part failing = new Part("b", DType.U8, new long[] {9}, channel -> {
            channel.write(ByteBuffer.allocate(4));
            throw new IllegalStateException("out of luck");
        });
        assertThatThrownBy(() -> SafetensorsWriter.write(file, List.of(failing)))
                .hasMessage("out of luck");
        assertOnlyTheOldFile(before);
    }

    @Test
    void failingChannelLeavesTheOldFileAndNamesIt() throws IOException {
        SafetensorsWriter.write(file, List.of());
        byte[] before = Files.readAllBytes(file);
        Part failing = new Part("b", DType.U8, new long[] {9}, _ -> {
            throw new IOException("No space left on device");
        });
        assertThatThrownBy(() -> SafetensorsWriter.write(file, List.of(failing)))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContainingAll(file.toString(), "No space left on device");
        assertOnlyTheOldFile(before);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 3, 5})
    void sourceOfAnotherLengthIsRefused(int written) throws IOException {
        SafetensorsWriter.write(file, List.of());
        byte[] before = Files.readAllBytes(file);
        Part wrong = new Part("w", DType.F32, new long[] {1}, channel -> channel.write(ByteBuffer.allocate(written)));
        assertThatThrownBy(() -> SafetensorsWriter.write(file, List.of(wrong)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("\"w\"", "4 bytes");
        assertOnlyTheOldFile(before);
    }

    @Test
    void partsThatCannotBeStoredAreRefused() {
        assertThatThrownBy(() -> part("w", DType.F32, new byte[7], 2))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll("F32 [2]", "takes 8 bytes", "has 7");
        assertThatThrownBy(() -> part("__metadata__", DType.U8, new byte[1], 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> part("half \ud800", DType.U8, new byte[1], 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> part("w", DType.U8, new byte[1], -1)).hasMessageContaining("[-1]");
        Part twice = part("twice", DType.U8, new byte[1], 1);
        assertThatThrownBy(() -> SafetensorsWriter.write(file, List.of(twice, twice)))
                .hasMessageContaining("\"twice\" is given twice");
        assertThat(file).doesNotExist();
    }

    private void assertOnlyTheOldFile(byte[] before) throws IOException {
        assertThat(Files.readAllBytes(file)).isEqualTo(before);
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files).containsExactly(file);
        }
    }

    private static Part part(String name, DType dtype, byte[] data, long... shape) {
        return new Part(name, dtype, shape, MemorySegment.ofArray(data));
    }

    private static byte[] random(int count) {
        byte[] bytes = new byte[count];
        new Random(count).nextBytes(bytes);
        return bytes;
    }
}
