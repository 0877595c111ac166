package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What quantised models say about themselves in `config.json`.
class GraftConfigTest {
    private static JsonNode json(String text) throws JsonProcessingException {
        return new ObjectMapper().readTree(text);
    }

    @Test
    void whatIsWrittenIsReadBack() {
        QuantFormat affine = new AffineInt8(false, true, new Calibration.Percentile(0.99));
        for (QuantFormat format : List.of(new Int4(128), new AffineInt8(), affine)) {
            for (Optional<List<String>> skipped : List.of(Optional.<List<String>>empty(), Optional.of(List.of("o")))) {
                GraftConfig config = new GraftConfig(format, skipped);
                assertThat(GraftConfig.read(config.json())).isEqualTo(config);
            }
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{'format': 'int4', 'block_size': 64, 'skip_modules': 'lm_head'} | skip_modules is \"lm_head\"",
                "{'format': 'int4', 'block_size': 64, 'skip_modules': [1]}       | skip_modules is [1]",
                "{'format': 'int4'}                                              | int4 in blocks of 0",
                "{'format': 'int5'}                                              | expected int8-affine or int4",
                "{'format': 'int8-affine', 'per_channel': 1, 'symmetric': true}  | per_channel is 1"
            })
    void whatGraftDoesNotWriteIsRefused(String json, String words) throws JsonProcessingException {
        JsonNode config = json(json.replace('\'', '"'));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GraftConfig.read(config))
                .withMessageContaining(words);
    }

    @Test
    void aPercentileThatIsNoNumberIsRefused() throws JsonProcessingException {
        JsonNode config = json("""
                {"format": "int8-affine", "per_channel": true, "symmetric": false,
                 "calibration": "percentile", "percentile": "0.99"}""");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> GraftConfig.read(config))
                .withMessageContaining("percentile is \"0.99\"; expected a number");
    }

    @Test
    void aKeyThatIsNoRegularExpressionIsNamed() {
        assertThat(BitsAndBytesConfig.matches("[", "model.[")).isTrue();
        assertThatIllegalArgumentException()
                .isThrownBy(() -> BitsAndBytesConfig.matches("layers.[0", "model.layers.0.mlp"))
                .withMessageContaining("llm_int8_skip_modules holds \"layers.[0\"");
    }
}
