package dev.graft.data.input;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.data.Rows;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Files written by pyarrow; see `scripts/goldens_parquet.py`.
class ParquetRowsTest {

    @ParameterizedTest
    @ValueSource(strings = {"none", "snappy", "zstd", "gzip"})
    void nestedColumnsAreTheJsonTheyCameFrom(String codec) {
        assertThat(RawRowsTest.read(golden("nested-" + codec)))
                .containsExactly(
                        "1 {\"messages\":[{\"role\":\"user\",\"content\":\"hi é 中\"},{\"role\":\"assistant\",\"content\":\"yes\"}],"
                                + "\"source\":\"a\",\"n\":1,\"score\":0.5,\"ok\":true,\"tags\":[\"x\",\"y\"],"
                                + "\"when\":\"2024-01-02T03:04:05\",\"day\":\"2024-01-02\",\"price\":1.50,"
                                + "\"meta\":{\"id\":7,\"note\":null}}",
                        "2 {\"messages\":[{\"role\":\"user\",\"content\":\"again\"},{\"role\":\"assistant\",\"content\":\"no\"}],"
                                + "\"source\":null,\"n\":null,\"score\":null,\"ok\":null,\"tags\":null,"
                                + "\"when\":null,\"day\":null,\"price\":null,\"meta\":null}",
                        "3 {\"messages\":[{\"role\":\"user\",\"content\":\"last\"},{\"role\":\"assistant\",\"content\":\"yes\"}],"
                                + "\"source\":\"c\",\"n\":3,\"score\":-1.5,\"ok\":false,\"tags\":[],"
                                + "\"when\":null,\"day\":null,\"price\":null,\"meta\":{\"id\":8,\"note\":\"z\"}}");
    }

    @Test
    void valuesMeanWhatTheirTypesSay() {
        assertThat(RawRowsTest.read(golden("types")))
                .containsExactly(
                        "1 {\"u8\":200,\"u32\":4294967295,\"u64\":9223372036854775813,\"half\":1.5,"
                                + "\"time\":\"01:02:03.000500\",\"bytes\":\"/wA=\",\"map\":{\"k\":1},\"word\":\"p\","
                                + "\"none\":null}",
                        "2 {\"u8\":null,\"u32\":null,\"u64\":null,\"half\":null,\"time\":null,\"bytes\":null,"
                                + "\"map\":null,\"word\":\"q\",\"none\":null}");
        assertThat(RawRowsTest.read(golden("int96")))
                .containsExactly("1 {\"when\":\"2020-01-02T03:04:05\"}", "2 {\"when\":null}");
    }

    @Test
    void rowsAreCountedAcrossRowGroups() {
        assertThat(RawRowsTest.read(golden("pairs")))
                .hasSize(250)
                .contains("101 {\"prompt\":\"question 100\",\"completion\":\" answer 100\"}");
    }

    @Test
    void nullsInNeededColumnsAreNamedByRow() {
        assertThatThrownBy(() -> Rows.read(golden("nulls")))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .contains("nulls.parquet: 2 of 3 rows cannot be used")
                .contains("row 2: \"completion\" is null; expected a string")
                .contains("row 3: \"prompt\" is null; expected a string");
    }

    @Test
    void bytesThatAreNoTextAreNamedByRow() {
        assertThat(RawRowsTest.read(golden("latin")))
                .containsExactly(
                        "1 {\"text\":\"fine\"}",
                        "2 is not UTF-8 text: byte 4 of a string is 0xE9; write the file again");
    }

    @Test
    void fileWithoutRowsIsEmpty() {
        assertThat(RawRowsTest.read(golden("empty"))).isEmpty();
        assertThatThrownBy(() -> Rows.read(golden("empty"))).hasMessageContaining("empty.parquet is empty");
    }

    @Test
    void otherCompressionsAreNamed() {
        assertThatThrownBy(() -> RawRowsTest.read(golden("nested-lz4")))
                .hasMessageContaining("is compressed with LZ4_RAW; read are UNCOMPRESSED, SNAPPY, ZSTD and GZIP");
    }

    @Test
    void filesThatAreCutOrOfAnotherKindAreRefused(@TempDir Path folder) throws IOException {
        byte[] whole = Files.readAllBytes(golden("pairs"));
        Path cut = folder.resolve("cut.parquet");
        for (int length : new int[] {0, 3, 4, 100, whole.length / 2, whole.length - 1}) {
            Files.write(cut, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> RawRowsTest.read(cut))
                    .as("%d bytes", length)
                    .isInstanceOf(IllegalArgumentException.class)
                    .message()
                    .contains("cut.parquet is not a Parquet file that can be read")
                    .doesNotContain("org.apache");
        }
    }

    @Test
    void damagedPagesAreNamedWithAReason(@TempDir Path folder) throws IOException {
        byte[] whole = Files.readAllBytes(golden("nested-snappy"));
        int refused = 0;
        for (int at = 4; at < 200; at += 3) {
            byte[] bytes = whole.clone();
            bytes[at] ^= 0x55;
            Path damaged = Files.write(folder.resolve("damaged.parquet"), bytes);
            try {
                RawRowsTest.read(damaged);
            } catch (IllegalArgumentException | UncheckedIOException e) {
                refused++;
                assertThat(e)
                        .as("byte %d", at)
                        .message()
                        .contains("damaged.parquet", "row")
                        .doesNotContain(": null;", "because");
            }
        }
        assertThat(refused).isGreaterThan(10);
    }

    private static Path golden(String name) {
        try {
            return Path.of(ParquetRowsTest.class
                    .getResource("/goldens/parquet/" + name + ".parquet")
                    .toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
