package dev.graft.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.nn.TokenRun;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class MixtralTest extends ArchitectureContract {
    static final Golden TINY = Golden.named("mixtral-tiny");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(TINY);
    }

    /// As in Transformers; in other families it is ten thousand.
    @Test
    void theBaseOfTheAnglesIsAMillionWhereTheFileDoesNotSay() {
        Golden silent = TINY.withConfig(temporary.resolve("silent"), config -> config.remove("rope_parameters"));
        Golden said = TINY.withConfig(temporary.resolve("said"), config -> {
            config.remove("rope_parameters");
            config.put("rope_theta", 1_000_000);
        });
        TokenRun run = TokenRun.document(TINY.sequences().getLast());
        try (LanguageModel model = silent.frozen();
                LanguageModel expected = said.frozen()) {
            assertThat(Golden.logits(model, run)).containsExactly(Golden.logits(expected, run));
        }
    }
}
