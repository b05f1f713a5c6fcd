using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Serving.Tokenization.Splitting;

/// <summary>
/// A literal or a regular expression of a tokenizer.json. Patterns come from model folders and texts from users, so matching is bounded: in linear
/// time where .NET can, by the clock elsewhere. Immutable and thread-safe.
/// </summary>
internal sealed class TextPattern
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(2);

    private readonly string? _literal;
    private readonly Regex? _regex;
    private readonly string _source;

    /// <param name="source">Where the pattern stands, for the message when it takes too long.</param>
    /// <exception cref="RegexTranslationException">A construct is not supported, or the expression is not valid.</exception>
    public TextPattern(string expression, string source)
    {
        _regex = Compile(RegexTranslator.Translate(expression));
        _source = source;
    }

    private TextPattern(JsonField literal)
    {
        _literal = literal.Text();
        _source = literal.Path;
        if (_literal.Length == 0)
        {
            throw literal.Broken("is empty");
        }
    }

    /// <summary>{"String": literal} or {"Regex": expression}.</summary>
    public static TextPattern Read(JsonField pattern)
    {
        if (pattern.Optional("String") is { } literal)
        {
            return new TextPattern(literal);
        }

        var regex = pattern.Optional("Regex") ?? throw pattern.Unsupported("{\"String\": ...} and {\"Regex\": ...}");
        try
        {
            return new TextPattern(regex.Text(), $"{regex.File}: {regex.Path}");
        }
        catch (RegexTranslationException e)
        {
            throw regex.Broken($"cannot be used: {e.Message}");
        }
    }

    /// <summary>All matches, in order and without overlap.</summary>
    /// <exception cref="TokenizerException">Matching took longer than 2 seconds.</exception>
    public List<Match> Find(ReadOnlySpan<char> text)
    {
        var matches = new List<Match>();
        if (_literal is not null)
        {
            for (var at = 0; text[at..].IndexOf(_literal, StringComparison.Ordinal) is >= 0 and var found; at = matches[^1].End)
            {
                matches.Add(new Match(at + found, at + found + _literal.Length));
            }

            return matches;
        }

        if (text.IndexOfAnyInRange('\uD800', '\uDFFF') < 0)
        {
            Find(text, matches);
            return matches;
        }

        var (shadow, positions) = AstralShadow.Of(text);
        Find(shadow, matches);
        for (var i = 0; i < matches.Count; i++)
        {
            matches[i] = new Match(positions[matches[i].Start], positions[matches[i].End]);
        }

        return matches;
    }

    private void Find(ReadOnlySpan<char> text, List<Match> matches)
    {
        var begun = Stopwatch.GetTimestamp();
        try
        {
            foreach (var match in _regex!.EnumerateMatches(text))
            {
                matches.Add(new Match(match.Index, match.Index + match.Length));
                if (Stopwatch.GetElapsedTime(begun) > _limit)
                {
                    throw new RegexMatchTimeoutException();
                }
            }
        }
        catch (RegexMatchTimeoutException)
        {
            throw new TokenizerException($"{_source} takes longer than {_limit.TotalSeconds} s on this text: send a shorter text or repair the pattern.");
        }
    }

    private static Regex Compile(string expression)
    {
        try
        {
            return new Regex(expression, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, _limit);
        }
        catch (NotSupportedException)
        {
            // Look-around and atomic groups, which the usual patterns have, need the backtracking engine.
            return new Regex(expression, RegexOptions.CultureInvariant | RegexOptions.Compiled, _limit);
        }
        catch (ArgumentException e)
        {
            throw new RegexTranslationException(e.Message);
        }
    }
}
