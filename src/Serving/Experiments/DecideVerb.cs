using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Serving.Experiments;

/// <summary>"ab decide": the gate's rule on anybody's pairs, line by line. Stateless.</summary>
internal static class DecideVerb
{
    public static Command Create()
    {
        var pairs = new Option<string>("--pairs") { Description = "JSON Lines {\"best_of_n\": x, \"distilled\": y}, scores in [0,1].", Required = true };
        var margin = new Option<double>("--margin") { Description = "How much lower the distilled mean may be, in [0,1].", Required = true };
        var alpha = new Option<double>("--alpha") { Description = "Error probability of the whole comparison, in (0,1).", DefaultValueFactory = _ => 0.05 };
        var minPairs = new Option<int>("--min-pairs") { Description = "Pairs that a promotion needs; a roll-back waits for none.", DefaultValueFactory = _ => 200 };
        var drift = new Option<bool>("--drift") { Description = "Use the wider sequence that holds while the means drift: the watch over a version that serves already." };
        margin.Validators.Add(result => Check(result, number => number is >= 0 and <= 1, "--margin must lie in [0, 1]."));
        alpha.Validators.Add(result => Check(result, number => number is > 0 and < 1, "--alpha must lie strictly between 0 and 1."));
        minPairs.Validators.Add(result => Check(result, number => number >= 1, "--min-pairs must be 1 or more."));
        var command = new Command(
            "decide",
            "Prints one line of JSON for each pair: {\"n\", \"lower\", \"upper\", \"decision\"}, the always-valid interval of distilled minus best_of_n after n pairs, and what "
            + "the rule says to it: promote when lower >= -margin and n >= min-pairs, roll-back when upper < -margin, else hold. Every line is judged by itself, also after the first promote or "
            + "roll-back, which is the line that the live gate would have acted on. Exit codes: 0 = all lines are judged, 2 = a line is wrong and was named.")
        {
            pairs,
            margin,
            alpha,
            minPairs,
            drift,
        };
        command.SetAction(parsed => AbCommand.Guard(parsed, () => Run(
            parsed.InvocationConfiguration.Output,
            parsed.GetRequiredValue(pairs),
            new MeanSequence(parsed.GetValue(alpha), parsed.GetValue(drift)),
            parsed.GetValue(margin),
            parsed.GetValue(minPairs))));
        return command;
    }

    private static int Run(TextWriter output, string path, MeanSequence sequence, double margin, int minPairs)
    {
        foreach (var pair in ScoredPairs.Read(path))
        {
            sequence.AddDifference(pair.Distilled - pair.BestOfN);
            var interval = sequence.Difference;
            var decision = Word(MarginRule.Decide(interval, sequence.Count, margin, minPairs));
            output.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{{\"n\": {sequence.Count}, \"lower\": {interval.Lower:R}, \"upper\": {interval.Upper:R}, \"decision\": \"{decision}\"}}"));
        }

        return sequence.Count > 0 ? 0 : throw new ExperimentException($"{path} has no pairs: a line for each, like {{\"best_of_n\": 0.71, \"distilled\": 0.68}}.");
    }

    internal static string Word(GateDecision decision) => decision switch
    {
        GateDecision.Promote => "promote",
        GateDecision.RollBack => "roll-back",
        _ => "hold",
    };

    // A default has no token, and what is no number at all is reported by the parser itself.
    private static void Check(OptionResult result, Func<double, bool> isRight, string message)
    {
        if (result.Tokens is [var token, ..] && double.TryParse(token.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && !isRight(number))
        {
            result.AddError(message);
        }
    }
}
