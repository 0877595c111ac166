package dev.graft.generate;

import dev.graft.model.LanguageModel;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;

/// Continues texts: a [Generator] between the two sides of a tokenizer.
///
/// {@snippet :
/// var generator = new TextGenerator(model, tokenizer);
/// Completion story = generator.generate("Once upon a time", GenerationSettings.defaults());
/// IO.println("Once upon a time" + story.text());
/// }
public final class TextGenerator {
    private final Generator generator;
    private final Tokenizer tokenizer;

    /// Stops at the tokens that the model's files name.
    public TextGenerator(LanguageModel model, Tokenizer tokenizer) {
        this(model, tokenizer, tokenizer.stopIds());
    }

    public TextGenerator(LanguageModel model, Tokenizer tokenizer, Set<Integer> stopIds) {
        this.generator = new Generator(model, stopIds);
        this.tokenizer = tokenizer;
    }

    public Completion generate(String prompt, GenerationSettings settings) {
        return generateAll(List.of(prompt), settings).getFirst();
    }

    /// Continues many texts together.
    public List<Completion> generateAll(List<String> prompts, GenerationSettings settings) {
        return generateFrom(prompts.stream().map(this::promptIds).toList(), settings);
    }

    /// Continues many prompts that are tokens already, such as rendered conversations.
    public List<Completion> generateFrom(List<int[]> prompts, GenerationSettings settings) {
        List<Generated> results = generator.generate(prompts, settings);
        List<Completion> completions = new ArrayList<>();
        for (int i = 0; i < prompts.size(); i++) {
            Generated result = results.get(i);
            completions.add(
                    new Completion(prompts.get(i), result.ids(), text(prompts.get(i), result.ids()), result.stopped()));
        }
        return completions;
    }

    /// Continues one prompt and hands on its text as it comes, in whole characters.
    ///
    /// @param onText gets the pieces of the result's text, none of them empty; what it throws ends the
    ///               generation
    public Completion generate(int[] prompt, GenerationSettings settings, Consumer<String> onText) {
        StringBuilder all = new StringBuilder();
        Consumer<String> pass = piece -> {
            if (!piece.isEmpty()) {
                all.append(piece);
                onText.accept(piece);
            }
        };
        TokenText text = new TokenText(tokenizer, prompt);
        Generated result = generator.generate(prompt, settings, id -> pass.accept(text.add(id)));
        pass.accept(text.finish());
        return new Completion(prompt, result.ids(), all.toString(), result.stopped());
    }

    /// The tokens of a text to continue; an empty one is the token that begins a text.
    public int[] promptIds(String prompt) {
        int[] ids = tokenizer.encode(prompt, true);
        return ids.length == 0 && tokenizer.bosId().isPresent()
                ? new int[] {tokenizer.bosId().getAsInt()}
                : ids;
    }

    private String text(int[] prompt, int[] ids) {
        TokenText text = new TokenText(tokenizer, prompt);
        StringBuilder all = new StringBuilder();
        for (int id : ids) {
            all.append(text.add(id));
        }
        return all.append(text.finish()).toString();
    }
}
