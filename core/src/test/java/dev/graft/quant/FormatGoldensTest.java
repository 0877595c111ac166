package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.Goldens;
import dev.graft.format.Safetensors;
import dev.graft.kernel.DynamicMap;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.lang.foreign.ValueLayout;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Codes, scales and what they unpack to, bit for bit as scripts/goldens_quant.py made them.
class FormatGoldensTest {
    private static Safetensors file;
    private Scope scope;

    @BeforeAll
    static void openFile() {
        file = Safetensors.open(Goldens.path("quant/formats.safetensors"));
    }

    @AfterAll
    static void closeFile() {
        file.close();
    }

    @BeforeEach
    void open() {
        scope = Scope.open();
    }

    @AfterEach
    void close() {
        scope.close();
    }

    record Case(String input, String format, int block, boolean nested, double offset, String f32, String bf16) {
        static Case of(JsonNode json) {
            return new Case(
                    json.get("input").asText(),
                    json.get("format").asText(),
                    json.path("block").asInt(),
                    json.path("double").asBoolean(),
                    json.path("offset").asDouble(),
                    json.get("dequantised").get("F32").asText(),
                    json.get("dequantised").get("BF16").asText());
        }

        QuantFormat quantFormat() {
            return switch (format) {
                case "nf4" -> new Nf4(block, nested);
                case "fp4" -> new Fp4(block, nested);
                case "dynamic8" -> new Dynamic8(block, true);
                case "udynamic8" -> new Dynamic8(block, false);
                case "int8" -> new Int8Rows();
                default -> throw new IllegalArgumentException(format);
            };
        }

        String key() {
            return input + "." + format + (block > 0 ? "." + block : "");
        }
    }

    static Stream<Case> cases() {
        JsonNode cases = Goldens.json("quant/formats.json").get("cases");
        return StreamSupport.stream(cases.spliterator(), false).map(Case::of);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void codesScalesAndNumbersEqualTheReference(Case c) {
        Tensor input = stored("input." + c.input);
        Tensor x = c.format.equals("udynamic8") ? input.abs() : input;
        try (Quantised packed = c.quantFormat().quantise(x)) {
            assertThat(bytes(packed.parts().get(""))).isEqualTo(bytes(c.key()));
            String scales = c.key() + (c.nested ? ".double" : "") + ".absmax";
            assertThat(bytes(packed.parts().get(c.format.equals("int8") ? ".SCB" : ".absmax")))
                    .isEqualTo(bytes(scales));
            if (c.nested) {
                assertThat(bytes(packed.parts().get(".nested_absmax")))
                        .isEqualTo(bytes(c.key() + ".double.nested_absmax"));
                var nested = (BlockScales.Nested) ((Blockwise) packed).scales();
                assertThat((double) nested.offset()).isEqualTo(c.offset);
            }
            assertThat(digest(packed.unpacked(DType.F32, Device.cpu()))).isEqualTo(c.f32);
            assertThat(digest(packed.unpacked(DType.BF16, Device.cpu()))).isEqualTo(c.bf16);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"nf4", "fp4", "dynamic8", "udynamic8"})
    void tablesEqualTheReference(String name) {
        float[] expected = stored("map." + name).toFloats();
        float[] table = switch (name) {
            case "nf4" -> Nf4.BOOK.values();
            case "fp4" -> Fp4.BOOK.values();
            case "dynamic8" -> DynamicMap.SIGNED.values();
            default -> DynamicMap.UNSIGNED.values();
        };
        for (int i = 0; i < expected.length; i++) {
            assertThat(table[i] + 0f).as("value %d", i).isEqualTo(expected[i]); // + 0 makes −0 into 0
        }
    }

    private static Tensor stored(String name) {
        var entry = file.entry(name);
        Tensor copy = Tensor.empty(entry.dtype().orElseThrow(), Device.cpu(), entry.shape());
        copy.memory().copyFrom(file.data(name));
        return copy;
    }

    private static byte[] bytes(String name) {
        return file.data(name).toArray(ValueLayout.JAVA_BYTE);
    }

    private static byte[] bytes(Tensor tensor) {
        return tensor.memory().toArray(ValueLayout.JAVA_BYTE);
    }

    private static String digest(Tensor tensor) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes(tensor)));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }
}
