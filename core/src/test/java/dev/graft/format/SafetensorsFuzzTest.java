package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/// Whatever the bytes, opening a file gives a file that is valid throughout, or a [FormatException].
class SafetensorsFuzzTest {
    private static final String HEADER = "{\"__metadata__\":{\"format\":\"pt\"},\"w\":%s,\"b\":%s}"
            .formatted(Bytes.tensor("F32", "[2,2]", "[0,16]"), Bytes.tensor("I16", "[3]", "[16,22]"));
    private static final byte[] VALID = Bytes.file(HEADER, 22);

    private static Path file;

    /// A replacement of some bytes of a valid file.
    record Edit(int position, byte value) {}

    @BeforeContainer
    static void makeFile() throws IOException {
        file = Files.createTempFile("graft-fuzz", ".safetensors");
    }

    @AfterContainer
    static void deleteFile() throws IOException {
        Files.delete(file);
    }

    @Example
    void everyTruncationIsRefused() throws IOException {
        assertThat(opens(VALID)).isTrue();
        for (int length = 0; length < VALID.length; length++) {
            assertThat(opens(Arrays.copyOf(VALID, length)))
                    .as("first %d bytes", length)
                    .isFalse();
        }
    }

    @Example
    void everyByteTooManyIsRefused() throws IOException {
        assertThat(opens(Arrays.copyOf(VALID, VALID.length + 1))).isFalse();
    }

    @Property
    void randomBytesAreValidOrRefused(@ForAll @Size(max = 300) byte[] bytes) throws IOException {
        opens(bytes);
    }

    @Property(tries = 2000, edgeCases = EdgeCasesMode.NONE)
    void randomHeadersAreValidOrRefused(@ForAll("headers") String header, @ForAll byte dataBytes) throws IOException {
        opens(Bytes.file(header, Math.abs((int) dataBytes)));
    }

    @Property(tries = 3000)
    void editedFilesAreValidOrRefused(@ForAll("edits") List<Edit> edits) throws IOException {
        byte[] bytes = VALID.clone();
        edits.forEach(edit -> bytes[edit.position()] = edit.value());
        opens(bytes);
    }

    @Property(tries = 2000)
    void shuffledPiecesAreValidOrRefused(@ForAll("pieces") List<String> pieces) throws IOException {
        opens(Bytes.file(String.join("", pieces), 22));
    }

    @Provide
    Arbitrary<List<Edit>> edits() {
        Arbitrary<Integer> positions = Arbitraries.integers().between(0, VALID.length - 1);
        Arbitrary<Byte> telling = Arbitraries.of(
                "{}[]\",:-+.eE0129\\u \n\0".chars().mapToObj(c -> (byte) c).toList());
        Arbitrary<Byte> values = Arbitraries.oneOf(telling, Arbitraries.bytes());
        return Combinators.combine(positions, values)
                .as(Edit::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(4);
    }

    @Provide
    Arbitrary<List<String>> pieces() {
        List<String> tokens = new ArrayList<>(List.of(HEADER.split("(?<=[{}\\[\\]\",:])|(?=[{}\\[\\]\",:])")));
        tokens.addAll(
                List.of("null", "true", "-1", "1e9", "9223372036854775807", "18446744073709551616", "\\ud800", "\0"));
        return Arbitraries.of(tokens).list().ofMaxSize(40).map(rest -> {
            List<String> pieces = new ArrayList<>(List.of("{", "\""));
            pieces.addAll(rest);
            return pieces;
        });
    }

    /// Headers of the right form, with numbers that mostly are wrong.
    @Provide
    Arbitrary<String> headers() {
        Arbitrary<String> numbers = Arbitraries.oneOf(
                Arbitraries.longs().between(0, 8).map(String::valueOf),
                Arbitraries.longs().map(String::valueOf),
                Arbitraries.bigIntegers().map(String::valueOf));
        Arbitrary<String> arrays = numbers.list().ofMaxSize(3).map(list -> "[" + String.join(",", list) + "]");
        Arbitrary<String> types = Arbitraries.of(StoredType.values()).map(Enum::name);
        Arbitrary<String> names = Arbitraries.of("a", "b", "c", "__metadata__");
        return Combinators.combine(names, types, arrays, arrays)
                .as((name, type, shape, offsets) -> "\"%s\":%s".formatted(name, Bytes.tensor(type, shape, offsets)))
                .list()
                .ofMaxSize(4)
                .map(list -> "{" + String.join(",", list) + "}");
    }

    /// Whether `bytes` are a valid file; then every byte of every tensor is there.
    private static boolean opens(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        try (var weights = Safetensors.open(file)) {
            for (var entry : weights.entries().values()) {
                assertThat(Math.multiplyExact(
                                entry.elements(),
                                StoredType.valueOf(entry.dtypeName()).bits()))
                        .isEqualTo(8 * entry.bytes());
                if (entry.dtype().isPresent()) {
                    MemorySegment data = weights.data(entry.name());
                    assertThat(data.toArray(ValueLayout.JAVA_BYTE)).hasSize((int) entry.bytes());
                }
            }
            return true;
        } catch (FormatException e) {
            assertThat(e).hasMessageStartingWith(file + ": ").hasMessageContaining("; expected ");
            return false;
        }
    }
}
