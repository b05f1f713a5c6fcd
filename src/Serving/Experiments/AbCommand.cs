using System.CommandLine;

namespace Serving.Experiments;

/// <summary>
/// The verb "ab": comparisons of two arms without a server. Exit codes: 0 = done, 1 = done and something does not agree, 2 = cannot be done, and the reason was
/// told.
/// </summary>
public static class AbCommand
{
    private const int CannotRun = 2;

    /// <summary>For the root command.</summary>
    public static Command Create() => new("ab", "Compares Best-of-N with what was distilled from it: decides, replays and reports.")
    {
        DecideVerb.Create(),
        ReplayVerb.Create(),
        ReportVerb.Create(),
    };

    /// <summary>Runs a verb; what the user can put right is told in one line.</summary>
    internal static int Guard(ParseResult parsed, Func<int> verb)
    {
        try
        {
            return verb();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            parsed.InvocationConfiguration.Error.WriteLine(e.Message);
            return CannotRun;
        }
    }
}
