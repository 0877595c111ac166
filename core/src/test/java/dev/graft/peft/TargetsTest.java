package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// PEFT's rules, as its `check_target_module_exists` has them.
class TargetsTest {
    private static final String Q = "model.layers.1.self_attn.q_proj";

    @ParameterizedTest
    @CsvSource({
        "q_proj, true",
        "self_attn.q_proj, true",
        "layers.1.self_attn.q_proj, true",
        "model.layers.1.self_attn.q_proj, true",
        "proj, false",
        "_proj, false",
        "n.q_proj, false",
        "q_pro, false",
        "self_attn, false",
        "Q_PROJ, false"
    })
    void aNameIsTheWholeModuleOrItsEndAfterADot(String name, boolean matches) {
        assertThat(Targets.names("other", name).matches(Q)).isEqualTo(matches);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                ".*q_proj; true",
                ".*\\.(q|v)_proj; true",
                "model\\.layers\\.[0-1]\\..*; true",
                "q_proj; false",
                ".*q_pro; false",
                "layers.*; false"
            })
    void aRegularExpressionMatchesFromBeginningToEnd(String pattern, boolean matches) {
        assertThat(new Targets.Regex(pattern).matches(Q)).isEqualTo(matches);
    }

    @Test
    void brokenRegularExpressionIsASentence() {
        assertThatThrownBy(() -> new Targets.Regex(".*(q_proj"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(".*(q_proj")
                .hasMessageContaining("no regular expression");
    }

    @Test
    void excludedIsLookedAtFirst() {
        Lora lora = with(Targets.names("q_proj", "v_proj"), Targets.names("layers.1.self_attn.q_proj"));
        assertThat(lora.adapts(Q)).isFalse();
        assertThat(lora.adapts("model.layers.2.self_attn.q_proj")).isTrue();
        assertThat(lora.adapts("model.layers.1.self_attn.v_proj")).isTrue();
        assertThat(lora.adapts("model.layers.1.self_attn.k_proj")).isFalse();
    }

    @Test
    void modulesToSaveAreTheBareEndOfTheNameAndGetNoAdapter() {
        Lora lora = with(Targets.allLinear(), Targets.none(), "head", "mlp", "q_proj");
        assertThat(lora.extras().saves("lm_head"))
                .as("PEFT asks for no dot here")
                .isTrue();
        assertThat(lora.extras().saves("model.layers.0.mlp")).isTrue();
        assertThat(lora.extras().saves("model.layers.0.mlp.up_proj")).isTrue();
        assertThat(lora.adapts("model.layers.0.mlp.up_proj"))
                .as("lies within one")
                .isFalse();
        assertThat(lora.extras().saves(Q)).isTrue();
        assertThat(lora.adapts(Q)).isFalse();
        assertThat(lora.adapts("model.layers.1.self_attn.k_proj")).isTrue();
    }

    private static Lora with(Targets targets, Targets excluded, String... saved) {
        return new Lora(4, 8, 0, targets).withExcluded(excluded).withModulesToSave(saved);
    }
}
