package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

/// Whatever the bytes, opening a file gives a file that is valid throughout, or a [FormatException].
class GgufFuzzTest {
    private static final byte[] VALID = GgufBytes.valid();

    private static Path file;

    /// Eight bytes of a valid file replaced.
    record Edit(int position, long value, int bytes) {}

    @BeforeContainer
    static void makeFile() throws IOException {
        file = Files.createTempFile("graft-fuzz", ".gguf");
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

    @Property
    void randomBytesAreValidOrRefused(@ForAll @Size(max = 300) byte[] bytes) throws IOException {
        opens(bytes);
    }

    @Property
    void randomBytesAfterTheStartAreValidOrRefused(@ForAll @Size(max = 300) byte[] bytes) throws IOException {
        opens(new GgufBytes().start(3, 1, 1).raw(bytes).bytes());
    }

    @Property(tries = 4000)
    void editedFilesAreValidOrRefused(@ForAll("edits") List<Edit> edits) throws IOException {
        byte[] bytes = VALID.clone();
        for (Edit edit : edits) {
            byte[] value = ByteBuffer.allocate(8)
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .putLong(edit.value)
                    .array();
            System.arraycopy(value, 0, bytes, edit.position, Math.min(edit.bytes, bytes.length - edit.position));
        }
        opens(bytes);
    }

    @Property(tries = 2000)
    void metadataOfAnyTypeIsValidOrRefused(
            @ForAll("numbers") Long type, @ForAll("numbers") Long inner, @ForAll("numbers") Long count)
            throws IOException {
        opens(new GgufBytes()
                .start(2, 0, 1)
                .text("k")
                .u32(type.intValue())
                .u32(inner.intValue())
                .u64(count)
                .data(40)
                .bytes());
    }

    @Provide
    Arbitrary<Long> numbers() {
        return Arbitraries.oneOf(
                Arbitraries.longs().between(0, 14),
                Arbitraries.longs(),
                Arbitraries.of(
                        1L << 20,
                        1L << 31,
                        1L << 32,
                        1L << 40,
                        1L << 61,
                        Long.MAX_VALUE,
                        Long.MIN_VALUE,
                        Long.MAX_VALUE - 7,
                        -1L,
                        -32L));
    }

    @Provide
    Arbitrary<List<Edit>> edits() {
        Arbitrary<Integer> positions = Arbitraries.integers().between(4, VALID.length - 1);
        return Combinators.combine(positions, numbers(), Arbitraries.of(1, 4, 8))
                .as(Edit::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(3);
    }

    /// Whether `bytes` are a valid file; then every byte of every tensor is there.
    private static boolean opens(byte[] bytes) throws IOException {
        Files.write(file, bytes);
        try (Gguf gguf = Gguf.open(file)) {
            for (var entry : gguf.entries().values()) {
                assertThat(gguf.type(entry.name()).bytes(entry.elements())).isEqualTo(entry.bytes());
                assertThat(gguf.data(entry.name()).toArray(ValueLayout.JAVA_BYTE))
                        .hasSize((int) entry.bytes());
            }
            gguf.metadata().values().forEach(GgufValue::plain);
            return true;
        } catch (FormatException e) {
            assertThat(e).hasMessageStartingWith(file.getParent().toString()).hasMessageContaining("; expected ");
            return false;
        }
    }
}
