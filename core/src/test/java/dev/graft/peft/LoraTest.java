package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.graft.Models;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LoraTest {
    private static Lora with(Lora.Init init, boolean stabilised, String... saved) {
        Lora settings = new Lora(4, 8, 0.1, Targets.allLinear()).with(init).withModulesToSave(saved);
        return stabilised ? settings.withRslora() : settings;
    }

    @Nested
    class Plain extends PeftMethodContract {
        @Override
        Lora settings() {
            return with(Lora.Init.DEFAULT, false);
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }
    }

    @Nested
    class RankStabilisedAndGaussian extends PeftMethodContract {
        @Override
        Lora settings() {
            return with(Lora.Init.GAUSSIAN, true);
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }
    }

    @Nested
    class WithModulesTrainedWhole extends PeftMethodContract {
        @Override
        Lora settings() {
            return with(Lora.Init.DEFAULT, false, "lm_head", "down_proj");
        }

        @Test
        void refusesToBeSwitchedOff() {
            Adapters adapters = new Adapters(settings(), 1);
            try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
                assertThat(model.parameters()).hasSize(2 * 6 * 3 + 1 + 3);
                assertThat(adapters.saved()).containsKeys("lm_head.weight", "model.layers.2.mlp.down_proj.weight");
                assertThatThrownBy(() -> adapters.enable(false))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessageContaining("lm_head");
            }
        }
    }

    /// `s = 8/4` and `8/√4`.
    @ParameterizedTest
    @CsvSource({"false, 2", "true, 4"})
    void scaleIsAlphaByRankOrItsRoot(boolean stabilised, double scale) {
        assertThat(with(Lora.Init.DEFAULT, stabilised).scaleOf("model.layers.0.self_attn.q_proj"))
                .isEqualTo(scale);
    }

    /// Of 48 inputs: `A` uniform in ±1/√48, whose deviation is 1/√(3·48); or normal with deviation 1/4.
    @ParameterizedTest
    @CsvSource({"DEFAULT, 0.0833333, 0", "GAUSSIAN, 0.25, 0", "RANDOM, 0.0833333, 0.288675"})
    void initialFactorsAreDistributedAsPeftDoes(Lora.Init init, double deviationOfA, double deviationOfB) {
        Adapters adapters = new Adapters(new Lora(4, 8, 0, Targets.names("q_proj")).with(init), 9);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            assertThat(deviation(model, "lora_A")).isCloseTo(deviationOfA, within(0.1 * deviationOfA));
            assertThat(deviation(model, "lora_B")).isCloseTo(deviationOfB, within(0.1 * deviationOfB));
        }
    }

    private static double deviation(LanguageModel model, String factor) {
        double[] squares = {0, 0};
        Models.weights(model).forEach((name, values) -> {
            if (name.contains(factor)) {
                for (float value : values) {
                    squares[0] += (double) value * value;
                    squares[1]++;
                }
            }
        });
        return Math.sqrt(squares[0] / squares[1]);
    }

    @Test
    void settingsThatCannotWorkAreSentences() {
        assertThatThrownBy(() -> new Lora(0, 8, 0, Targets.allLinear())).hasMessageContaining("r is 0");
        assertThatThrownBy(() -> new Lora(4, Double.NaN, 0, Targets.allLinear()))
                .hasMessageContaining("lora_alpha is NaN");
        assertThatThrownBy(() -> new Lora(4, 8, 1, Targets.allLinear())).hasMessageContaining("lora_dropout is 1.0");
    }

    @Test
    void targetsThatMatchNothingAreNamedWithWhatThereIs() {
        assertThatThrownBy(() -> over(Targets.names("q_proj", "query", "c_attn")))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("query, c_attn")
                .hasMessageContaining("q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj")
                .hasMessageContaining("all-linear");
        assertThatThrownBy(() -> over(new Targets.Regex("layers\\.0\\..*")))
                .hasMessageContaining("layers\\.0")
                .hasMessageContaining("q_proj");
    }

    @Test
    void modulesToSaveThatMatchNothingAreNamed() {
        Lora settings = with(Lora.Init.DEFAULT, false, "score");
        assertThatThrownBy(() -> Models.load(Models.TINY, new Adapters(settings, 1).over(LinearFactory.frozen())))
                .hasMessageContaining("modules_to_save")
                .hasMessageContaining("\"score\"");
    }

    @Test
    void settingsThatExcludeEachOtherAreSentences() {
        Lora lora = new Lora(3, 8, 0, Targets.names("q_proj"));
        assertThatThrownBy(() -> lora.withDora().withLoraBias()).hasMessageContaining("lora_bias and use_dora");
        assertThatThrownBy(() -> lora.with(Lora.Init.ORTHOGONAL)).hasMessageContaining("r is 3");
        assertThatThrownBy(() -> lora.with(Lora.Init.GAUSSIAN).withLoraBias()).hasMessageContaining("gaussian");
        assertThatThrownBy(() -> new Selection(Targets.allLinear(), Targets.none(), List.of(1), List.of()))
                .hasMessageContaining("layers_to_transform is [1]");
        assertThatThrownBy(() -> new Selection(Targets.names("q"), Targets.none(), List.of(), List.of("h")))
                .hasMessageContaining("layers_pattern");
        assertThatThrownBy(() -> TrainableTokens.of(3, 3)).hasMessageContaining("3 twice");
    }

    @Test
    void settingsThatDoNotFitTheModelAreNamed() {
        Lora q = new Lora(4, 8, 0, Targets.names("q_proj"));
        requireRefused(q.with(Extras.ofTokens(TrainableTokens.of(97))), "holds 97", "the last is 96");
        requireRefused(q.withModulesToSave("q_proj"), "target_modules", "q_proj");
        requireRefused(q.withModulesToSave("layers"), "layers");
        requireRefused(q.withExcluded(Targets.names("c_attn")), "exclude_modules", "c_attn");
        requireRefused(q.withPatterns(Map.of("v_proj", 2), Map.of()), "rank_pattern \"v_proj\"");
        requireRefused(
                q.with(new Selection(Targets.names("q_proj"), Targets.none(), List.of(0, 9), List.of())), "holds 9");
        requireRefused(
                new Lora(4, 8, 0, Targets.names("embed_tokens")).withLoraBias(), "lora_bias", "model.embed_tokens");
        requireRefused(new Lora(4, 8, 0, new Targets.Regex(".*layers.*")), "model.layers.0", "PEFT would not load");
        Map<String, Integer> unsorted = new LinkedHashMap<>();
        unsorted.put("self_attn.q_proj", 2);
        unsorted.put("q_proj", 3);
        requireRefused(q.withPatterns(unsorted, Map.of()), "rank_pattern", "sorted");
    }

    private static void requireRefused(Lora settings, String... words) {
        assertThatThrownBy(() -> Models.load(Models.TINY, new Adapters(settings, 1).over(LinearFactory.frozen())))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContainingAll(words);
    }

    private static void over(Targets targets) {
        Models.load(Models.TINY, new Adapters(new Lora(4, 8, 0, targets), 1).over(LinearFactory.frozen()))
                .close();
    }

    @Test
    void excludedModulesStayAsTheyAre() {
        Lora settings = new Lora(4, 8, 0, Targets.allLinear()).withExcluded(new Targets.Regex(".*layers\\.[01]\\..*"));
        Adapters adapters = new Adapters(settings, 1);
        try (LanguageModel model = Models.load(Models.TINY, adapters.over(LinearFactory.frozen()))) {
            assertThat(adapters.adapted()).hasSize(7);
            assertThat(adapters.adapted().keySet()).allMatch(name -> name.startsWith("model.layers.2."));
            assertThat(Arrays.asList(model.parameters().getFirst().name().split("\\.")))
                    .contains("2");
        }
    }
}
