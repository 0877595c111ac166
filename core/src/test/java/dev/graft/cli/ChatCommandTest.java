package dev.graft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.SharedData;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatCommandTest {
    @TempDir
    static Path folder;

    private static Path model;

    @BeforeAll
    static void makeModel() {
        model = TinyModel.in(folder);
    }

    @Test
    void everyLineOfAPipeIsAnswered() {
        Path stories = SharedData.file("models/stories260k/hf");
        Ran ran = Ran.graftReading(
                "The dog\n\nOnce upon a time\n",
                "chat",
                stories,
                "--temperature",
                0,
                "--max-new-tokens",
                12,
                "--dtype",
                "float32");
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.out().lines()).hasSize(2);
        assertThat(ran.out().lines().findFirst().orElseThrow()).startsWith(" was a big, red");
        assertThat(ran.err()).contains("no chat template", "cut after 12 tokens");
    }

    @Test
    void commandsAreNotAnswered() {
        Ran ran = Ran.graftReading("/help\n/reset\n/exit\nhello\n", "chat", model);
        assertThat(ran.exitCode()).isZero();
        assertThat(ran.out()).isEmpty();
        assertThat(ran.err()).contains("/reset  starts", "A new conversation.");
    }

    @Test
    void anUnknownCommandInAPipeFails() {
        Ran ran = Ran.graftReading("/rest\n", "chat", model);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("\"/rest\" is no command", "/reset");
    }

    @Test
    void forgettingIsSaid() {
        Ran ran = Ran.graftReading("hello world\n".repeat(8), "chat", model, "--max-new-tokens", 4);
        assertThat(ran.exitCode()).as(ran.err()).isZero();
        assertThat(ran.err()).contains("The context is full: the oldest exchange is forgotten.");
    }

    @Test
    void aMessageLongerThanTheContextFailsInAPipe() {
        Ran ran = Ran.graftReading("hello ".repeat(80), "chat", model, "--max-new-tokens", 4);
        assertThat(ran.exitCode()).isEqualTo(1);
        assertThat(ran.err()).contains("shorten it");
    }

    @Test
    void aSystemMessageNeedsATemplate() {
        Ran ran = Ran.graftReading("hello\n", "chat", model, "--no-template", "--system", "Be kind.");
        assertThat(ran.exitCode()).isEqualTo(2);
        assertThat(ran.err()).contains("--no-template");
    }
}
