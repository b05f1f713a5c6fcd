using System.Globalization;
using Serving.Models;
using Serving.Tokenization;

namespace Serving.Inference;

/// <summary>
/// A few answers of a version that was just loaded, before anybody else may ask it: it must run, say something and, where there is a version in use to
/// compare it with, not differ from it by more than a bound. Immutable. Blocks while the answers are made, a fraction of a second for a small policy.
/// </summary>
/// <param name="maxDivergence">Largest mean of log p(new) - log p(in use) over the new version's own answers, in nats an answer; 0 = no comparison.</param>
internal sealed class Canary(double maxDivergence)
{
    private const int MaxTokens = 32;
    private const int SamplesEach = 2;

    /// <summary>Ordinary text of different lengths, so that whatever a policy was made for, some of it is usual for it.</summary>
    private static readonly string[] _prompts =
    [
        "This package contains a small library for reading and writing compressed archives. It supports several formats and can be used from other programs.",
        "A fast command line tool that searches text files for lines which match a pattern and prints them with their numbers.",
        "Documentation and examples for the graphical editor. Install it if you want to read the manual without a network connection.",
        "The server listens for connections, checks who is asking and answers with the newest version of the file.",
        "A text editor.",
        "Reads archives.",
    ];

    /// <summary>
    /// Tries a version. Its answers are made at once; the version in use judges them one after the other, so that its own requests go on between them.
    /// </summary>
    /// <param name="next">The version that was loaded.</param>
    /// <param name="inUse">The version to compare it with; null = none.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Mean of log p(new) - log p(in use) an answer, in nats; null when nothing was compared.</returns>
    /// <exception cref="ModelException">The version must not be used; the message says why.</exception>
    /// <exception cref="OverloadedException">The version in use has no time for this now.</exception>
    public double? Try(LoadedPolicy next, LoadedPolicy? inUse, CancellationToken cancellationToken)
    {
        var prompts = Prompts(next);
        var greedy = Answers(next, prompts, temperature: 0, candidates: 1, cancellationToken);
        if (greedy.All(answers => answers[0] is { FinishReason: FinishReason.Stop, Tokens.Length: 1 } || string.IsNullOrWhiteSpace(answers[0].Text)))
        {
            throw new ModelException($"{next.Folder.Path}: {next.Id} answers nothing at all to {greedy.Length} canary prompts; check how it was trained.");
        }

        if (inUse is null || maxDivergence == 0)
        {
            return null;
        }

        CheckEnds(next, inUse, greedy, Answers(inUse, prompts, temperature: 0, candidates: 1, cancellationToken));
        var divergence = Divergence(inUse, prompts, Answers(next, prompts, temperature: 1, SamplesEach, cancellationToken), cancellationToken);
        return divergence <= maxDivergence
            ? divergence
            : throw new ModelException(string.Create(
                CultureInfo.InvariantCulture,
                $"{next.Folder.Path}: {next.Id} answers unlike {inUse.Id}, which is in use: log p of its own canary answers is higher by {divergence:F1} nats an answer, "
                + $"more than {ModelOptions.Section}:{nameof(ModelOptions.MaxCanaryDivergence)} = {maxDivergence:F0}. "
                + $"Check what it was trained on; when the change is wanted, raise the bound or promote or pin the version by hand."));
    }

    private static Candidate[][] Answers(
        LoadedPolicy policy, int[][] prompts, double temperature, int candidates, CancellationToken cancellationToken)
    {
        var atOnce = Math.Max(1, policy.Engine.QueueLimit / candidates);
        try
        {
            return [.. prompts.Index().Chunk(atOnce).SelectMany(some => Task.WhenAll(some.Select(prompt => policy.Engine.SampleAsync(
                new SampleRequest(
                    prompt.Item, new SamplingParameters { Temperature = (float)temperature, MaxTokens = MaxTokens, Seed = (ulong)prompt.Index }, candidates),
                null,
                cancellationToken))).GetAwaiter().GetResult())];
        }
        catch (Exception e) when (e is InferenceFailedException or InvalidRequestException)
        {
            throw new ModelException($"{policy.Folder.Path}: the policy does not run ({e.Message})", e);
        }
    }

    /// <summary>A policy that has forgotten how to end would answer every request up to its limit.</summary>
    private static void CheckEnds(LoadedPolicy next, LoadedPolicy inUse, Candidate[][] greedy, Candidate[][] before)
    {
        var (ends, ended) = (Ends(greedy), Ends(before));
        if (ends == 0 && ended > before.Length / 2)
        {
            throw new ModelException(
                $"{next.Folder.Path}: {next.Id} ends none of {greedy.Length} canary answers by itself, while {inUse.Id}, which is in use, ends {ended}; "
                + "check that its training data keep their end tokens.");
        }

        static int Ends(Candidate[][] answers) => answers.Count(answer => answer[0].FinishReason == FinishReason.Stop);
    }

    private static double Divergence(LoadedPolicy inUse, int[][] prompts, Candidate[][] answers, CancellationToken cancellationToken)
    {
        var sum = 0.0;
        for (var i = 0; i < prompts.Length; i++)
        {
            foreach (var answer in answers[i])
            {
                var before = inUse.Engine.ScoreTokensAsync(prompts[i], answer.Tokens, cancellationToken).GetAwaiter().GetResult();
                sum += answer.LogProbs.Sum(value => (double)value) - before.Sum(value => (double)value);
            }
        }

        return sum / answers.Sum(candidates => candidates.Length);
    }

    /// <summary>As a user would send them, where the policy has a chat template; those that its context holds.</summary>
    private static int[][] Prompts(LoadedPolicy policy)
    {
        var prompts = _prompts.Select(text => Encode(policy.Tokenizer, text)).Where(prompt => prompt.Length < policy.Engine.ContextLength / 2).ToArray();
        return prompts.Length > 0 ? prompts : [[policy.Config.BosTokenId ?? 0]];
    }

    private static int[] Encode(TextTokenizer tokenizer, string text)
    {
        try
        {
            return tokenizer.Encode(tokenizer.ApplyChatTemplate([new ChatMessage("user", text)]));
        }
        catch (TokenizerException)
        {
            return tokenizer.EncodePrompt(text);             // no chat template, or one for other conversations
        }
    }
}
