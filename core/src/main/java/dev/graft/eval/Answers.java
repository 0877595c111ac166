package dev.graft.eval;

import dev.graft.data.Question;
import dev.graft.generate.Generated;
import dev.graft.generate.GenerationSettings;
import dev.graft.generate.Generator;
import dev.graft.model.LanguageModel;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/// What a model answers to held-out questions, greedily, beside what was hoped for.
///
/// @param answers in the order of the questions
public record Answers(List<Answer> answers) {
    /// @param text  what the model wrote, without special tokens
    /// @param exact whether it is the expected answer, white space at both ends aside
    public record Answer(Question question, String text, boolean exact) {}

    public Answers {
        answers = List.copyOf(answers);
    }

    /// Share of answers that are exactly the expected ones; NaN when there was no question.
    public double exactMatch() {
        return answers.isEmpty()
                ? Double.NaN
                : (double) answers.stream().filter(Answer::exact).count() / answers.size();
    }

    /// Asks the model every question.
    public static Answers of(LanguageModel model, Tokenizer tokenizer, List<Question> questions, int maxNewTokens) {
        Generator generator = new Generator(model, tokenizer.stopIds());
        List<int[]> prompts = questions.stream().map(Question::promptIds).toList();
        List<Generated> results = generator.generate(
                prompts, GenerationSettings.defaults().withTemperature(0).withMaxNewTokens(maxNewTokens));
        List<Answer> answers = new ArrayList<>();
        for (int i = 0; i < questions.size(); i++) {
            String text = tokenizer.decode(results.get(i).ids(), true);
            boolean exact = text.strip().equals(questions.get(i).answer().strip());
            answers.add(new Answer(questions.get(i), text, exact));
        }
        return new Answers(answers);
    }
}
