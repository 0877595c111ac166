package dev.graft.eval;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.SharedData;
import dev.graft.data.Question;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class AnswersTest {
    @Test
    void anAnswerIsExactWhenOnlyTheWhiteSpaceAroundItDiffers() {
        Path files = SharedData.file("models/stories260k/hf");
        try (LanguageModel model = Architectures.load(files, LinearFactory.frozen(), Device.cpu(), DType.F32);
                Tokenizer tokenizer = Tokenizer.load(files)) {
            int[] prompt = tokenizer.encode("The dog", true);
            List<Question> questions = List.of(
                    new Question(1, prompt, "The dog", " was a big, red ball.\n"),
                    new Question(2, prompt, "The dog", "was a big, red"),
                    new Question(3, prompt, "The dog", "Was a big, red ball."));
            Answers answers = Answers.of(model, tokenizer, questions, 9); // the tokens of " was a big, red ball."
            assertThat(answers.answers()).extracting(Answers.Answer::exact).containsExactly(true, false, false);
            assertThat(answers.answers()).extracting(Answers.Answer::question).isEqualTo(questions);
            assertThat(answers.exactMatch()).isEqualTo(1.0 / 3);
        }
    }

    @Test
    void noQuestionsHaveNoExactMatch() {
        assertThat(new Answers(List.of()).exactMatch()).isNaN();
    }
}
