using Serving.Inference;
using Serving.Models;
using Serving.Onnx;
using Serving.Tokenization;
using Serving.Trainer.Data;
using Serving.Trainer.Evaluation;
using Serving.Trainer.Pretraining;

namespace Serving.Trainer.Loop;

/// <summary>Held-out prompts of a file in place of a share of the log.</summary>
internal static class HeldOutFile
{
    /// <summary>Answers that consensus counts agreement with: as many as a Best-of-16 episode brings.</summary>
    private const int AnswersToAgreeWith = 16;

    /// <summary>
    /// Prompts spread evenly over a file of examples; the summary is the reference where there is one. A log brings answers with its prompts; here the
    /// policy <paramref name="answers"/> draws them, from seeds of their own.
    /// </summary>
    /// <param name="path">JSON Lines as "evaluate" takes them: id, section, document and perhaps summary.</param>
    /// <param name="most">Most prompts.</param>
    /// <param name="longest">Longest prompt and answer together, in tokens; longer prompts are left out.</param>
    /// <exception cref="InvalidDataException">A line is damaged, or no prompt is short enough.</exception>
    public static IReadOnlyList<HeldOutPrompt> Read(
        string path, int most, int longest, ModelFolder answers, OnnxOptions onnx, InferenceOptions inference, SamplingParameters sampling, ulong seed, CancellationToken cancellationToken)
    {
        var tokens = new TaskTokens(TextTokenizer.Load(answers.Path));
        HeldOutPrompt[] prompts =
        [
            .. DocumentAnswers.Spread(TaskExample.ReadPrompts(path), most)
                .Select(example => new HeldOutPrompt(
                    new PromptText(tokens.CutText(example.Document), tokens.Prompt(example.Document), []), example.Summary.Length > 0 ? example.Summary : null))
                .Where(prompt => prompt.Asked.Tokens.Length + sampling.MaxTokens <= longest),
        ];
        if (prompts.Length == 0)
        {
            throw new InvalidDataException($"{path}: no example leaves room for an answer of {sampling.MaxTokens} tokens within {longest}. Lower Trainer:MaxTokens or use another file.");
        }

        using var policy = LoadedPolicy.Load(answers, onnx, inference);
        var random = new StepRandom(seed, "evaluation references");
        var drawn = Sampling.Draw(
            policy, [.. prompts.Select((prompt, i) => (prompt.Asked, random.Bits(0, (ulong)i)))], sampling, AnswersToAgreeWith, cancellationToken);
        return [.. prompts.Select((prompt, i) => prompt with { Asked = prompt.Asked with { Answers = [.. drawn[i].Select(answer => answer.Text)] } })];
    }
}
