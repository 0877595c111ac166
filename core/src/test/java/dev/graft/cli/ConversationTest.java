package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ConversationTest {
    private static Tokenizer tokenizer;

    @BeforeAll
    static void load() {
        tokenizer = TinyTokenizer.load();
    }

    @AfterAll
    static void close() {
        tokenizer.close();
    }

    @Test
    void everythingSaidSoFarIsInThePrompt() {
        Conversation conversation = chat(1000, Optional.of("Be kind."));
        conversation.add("hello", "yes", 0);
        assertThat(text(conversation.prompt("world"))).isEqualTo("""
                <|im_start|>system
                Be kind.<|im_end|>
                <|im_start|>user
                hello<|im_end|>
                <|im_start|>assistant
                yes<|im_end|>
                <|im_start|>user
                world<|im_end|>
                <|im_start|>assistant
                """);
        conversation.reset();
        assertThat(text(conversation.prompt("world"))).contains("Be kind.").doesNotContain("hello");
    }

    @Test
    void theOldestExchangesGoWhenTheContextIsFull() {
        int room = chat(1000, Optional.of("s")).prompt("m").ids().length + 20;
        Conversation conversation = chat(room, Optional.of("s"));
        conversation.add("first", "a", 0);
        conversation.add("second", "b", 0);
        Conversation.Prompt prompt = conversation.prompt("m");
        assertThat(prompt.ids().length).isLessThanOrEqualTo(room);
        assertThat(prompt.forgotten()).isPositive();
        assertThat(text(prompt)).doesNotContain("first").startsWith("<|im_start|>system\ns");
        conversation.add("m", "c", prompt.forgotten());
        assertThat(conversation.prompt("n").forgotten()).isLessThan(3);
    }

    @Test
    void aMessageTooLongForTheContextIsRefused() {
        assertThatThrownBy(() -> chat(20, Optional.empty()).prompt("long ".repeat(20)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("room for 20")
                .hasMessageContaining("shorten it");
    }

    @Test
    void withoutTemplateEachMessageStandsAlone() {
        var conversation = new Conversation(tokenizer, Optional.empty(), Optional.empty(), 1000);
        conversation.add("hello", "yes", 0);
        assertThat(conversation.prompt("world").ids()).isEqualTo(tokenizer.encode("world", true));
    }

    private static Conversation chat(int room, Optional<String> system) {
        return new Conversation(tokenizer, tokenizer.chatTemplate(), system, room);
    }

    private static String text(Conversation.Prompt prompt) {
        return tokenizer.decode(prompt.ids(), false);
    }
}
