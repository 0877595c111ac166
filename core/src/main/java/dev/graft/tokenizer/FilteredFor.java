package dev.graft.tokenizer;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.tag.ForTag;
import com.hubspot.jinjava.tree.TagNode;
import com.hubspot.jinjava.tree.parse.TagToken;
import com.hubspot.jinjava.util.ForLoop;
import com.hubspot.jinjava.util.ObjectIterator;
import com.hubspot.jinjava.util.ObjectTruthValue;
import java.io.Serial;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.commons.lang3.tuple.Pair;

/// `{% for message in messages if message.role == "user" %}`: the loop of Jinja2 over the items that fulfil a
/// condition. Jinjava itself would take the condition for a part of the expression and loop over nothing.
final class FilteredFor extends ForTag {
    @Serial
    private static final long serialVersionUID = 1;

    @Override
    public Pair<List<String>, String> getLoopVarsAndExpression(TagToken tag) {
        Pair<List<String>, String> parts = super.getLoopVarsAndExpression(tag);
        String expression = parts.getRight();
        int condition = conditionStart(expression);
        return condition < 0 ? parts : Pair.of(parts.getLeft(), expression.substring(0, condition));
    }

    @Override
    public String renderForCollection(
            TagNode node, JinjavaInterpreter interpreter, List<String> variables, Object collection) {
        int start = conditionStart(node.getHelpers());
        if (start < 0) {
            return super.renderForCollection(node, interpreter, variables, collection);
        }
        String condition = node.getHelpers().substring(start + " if ".length());
        List<Object> kept = new ArrayList<>();
        ForLoop items = ObjectIterator.getLoop(collection);
        while (items.hasNext()) {
            Object item = items.next();
            try (var _ = interpreter.enterScope()) {
                bind(variables, item, interpreter);
                if (ObjectTruthValue.evaluate(interpreter.resolveELExpression(condition, node.getLineNumber()))) {
                    kept.add(item);
                }
            }
        }
        return super.renderForCollection(node, interpreter, variables, kept);
    }

    private static void bind(List<String> variables, Object item, JinjavaInterpreter interpreter) {
        if (variables.size() == 1) {
            interpreter.getContext().put(variables.getFirst(), item);
        } else if (variables.size() == 2 && item instanceof Map.Entry<?, ?> entry) {
            interpreter.getContext().put(variables.getFirst(), entry.getKey());
            interpreter.getContext().put(variables.getLast(), entry.getValue());
        } else {
            throw new IllegalArgumentException("a loop over %s with a condition is not supported".formatted(variables));
        }
    }

    /// The index of ` if ` outside quotes and brackets, or -1.
    private static int conditionStart(String expression) {
        int depth = 0;
        for (int i = 0; i < expression.length(); i++) {
            char c = expression.charAt(i);
            if (c == '\'' || c == '"') {
                i = TemplateCode.stringEnd(expression, i);
            } else if ("([{".indexOf(c) >= 0) {
                depth++;
            } else if (")]}".indexOf(c) >= 0) {
                depth--;
            } else if (depth == 0 && expression.startsWith(" if ", i)) {
                return i;
            }
        }
        return -1;
    }
}
