package dev.graft.cli;

import dev.graft.tokenizer.ChatTemplate;
import java.util.Optional;
import picocli.CommandLine.Option;

/// `--chat-template NAME|FILE`, for commands that write or read conversations. A command takes it as a
/// `@Mixin`.
@HelpGroup("Model")
final class TemplateOptions {
    /// What helps where a template is needed and there is none.
    static final String ADVICE = "choose the one it was trained with by --chat-template: %s, or a .jinja file"
            .formatted(String.join(", ", ChatTemplate.BUILT_IN));

    @Option(
            names = "--chat-template",
            paramLabel = "NAME|FILE",
            description = "Write conversations with this chat template: alpaca, chatml, gemma, llama3, mistral, phi3,"
                    + " zephyr, or a .jinja file (default: that of the adapter, or of the model).")
    private String template;

    /// The template that the command line names.
    Optional<ChatTemplate> chosen() {
        return Optional.ofNullable(template).map(ChatTemplate::of);
    }
}
