package dev.graft.peft;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.Goldens;
import dev.graft.model.LanguageModel;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/// Every way of adapting beside plain LoRA keeps the contract of them all.
class PeftMethodsTest {
    private static final Path WITH_BIASES = Goldens.path("base-bias");

    private static Lora lora(String... targets) {
        return new Lora(4, 8, 0, targets.length == 0 ? Targets.allLinear() : Targets.names(targets));
    }

    @Nested
    class Dora extends PeftMethodContract {
        @Override
        Lora settings() {
            return lora().withDora();
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }

        @Test
        void magnitudeStartsAsTheNormOfEachRow() {
            Adapters adapters = new Adapters(settings(), 1);
            try (LanguageModel model = over(adapters)) {
                assertThat(adapters.adapted())
                        .isNotEmpty()
                        .allSatisfy((name, layer) -> assertThat(
                                        layer.magnitude().orElseThrow().master().shape())
                                .containsExactly(layer.b().master().size(0)));
            }
        }
    }

    @Nested
    class DoraOfEmbeddingAndHead extends PeftMethodContract {
        @Override
        Lora settings() {
            return lora("embed_tokens", "lm_head", "o_proj").withDora();
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }
    }

    @Nested
    class DoraWithDropout extends PeftMethodContract {
        @Override
        Lora settings() {
            return new Lora(2, 4, 0.3, Targets.names("q_proj", "down_proj")).withDora();
        }
    }

    @Nested
    class BiasOfB extends PeftMethodContract {
        @Override
        Path model() {
            return WITH_BIASES;
        }

        @Override
        Lora settings() {
            return lora().withLoraBias();
        }
    }

    @Nested
    class EveryBias extends PeftMethodContract {
        @Override
        Path model() {
            return WITH_BIASES;
        }

        @Override
        Lora settings() {
            return lora("q_proj", "up_proj").with(Lora.Bias.ALL).withLoraBias();
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }
    }

    @Nested
    class BiasesOfAdaptedLayers extends PeftMethodContract {
        @Override
        Path model() {
            return WITH_BIASES;
        }

        @Override
        Lora settings() {
            return lora("q_proj", "up_proj").with(Lora.Bias.LORA_ONLY);
        }
    }

    @Nested
    class EmbeddingAndHead extends PeftMethodContract {
        @Override
        Lora settings() {
            return lora("embed_tokens", "lm_head", "v_proj");
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }
    }

    @Nested
    class EmbeddingThatTheHeadShares extends PeftMethodContract {
        @Override
        Path model() {
            return WITH_BIASES;
        }

        @Override
        Lora settings() {
            return lora("embed_tokens", "v_proj");
        }
    }

    @Nested
    class Tokens extends PeftMethodContract {
        @Override
        Lora settings() {
            return lora("v_proj").with(Extras.ofTokens(TrainableTokens.of(88, 53, 1)));
        }

        @Test
        void switchedOffItIsTheBaseExactly() {
            requireSwitch(settings());
        }
    }

    @Nested
    class TokensThatTheHeadShares extends PeftMethodContract {
        @Override
        float freshlyMoved() {
            return 1e-5f;
        }

        @Override
        Path model() {
            return WITH_BIASES;
        }

        @Override
        Lora settings() {
            return lora("v_proj").with(Extras.ofTokens(TrainableTokens.of(88, 53, 1)));
        }
    }

    @Nested
    class TokensOfTheHead extends PeftMethodContract {
        @Override
        float freshlyMoved() {
            return 1e-5f; // two columns come from a product of their own
        }

        @Override
        Lora settings() {
            return lora("v_proj").with(Extras.ofTokens(TrainableTokens.of(Map.of("lm_head", List.of(55, 12)))));
        }
    }

    @Nested
    class EmbeddingTrainedWholeWithTheHead extends PeftMethodContract {
        @Override
        Path model() {
            return WITH_BIASES;
        }

        @Override
        Lora settings() {
            return lora("v_proj").with(new Extras(List.of("embed_tokens", "norm"), TrainableTokens.NONE, true));
        }
    }

    @Nested
    class Patterns extends PeftMethodContract {
        @Override
        Lora settings() {
            return lora("q_proj", "down_proj")
                    .withPatterns(Map.of("layers.1.self_attn.q_proj", 2), Map.of("down_proj", 3.0))
                    .withRslora();
        }
    }

    @Nested
    class OrthogonalStart extends PeftMethodContract {
        @Override
        Lora settings() {
            return lora().with(Lora.Init.ORTHOGONAL);
        }

        @Override
        float freshlyMoved() {
            return 1e-5f; // B·A vanishes but for rounding
        }
    }
}
