using System.Text.Json;
using Serving.Tokenization;

namespace Serving.Demo;

/// <summary>Package descriptions to ask for synopses of: from a file, from this machine's own package list, or the few that come with us.</summary>
internal static class DemoPrompts
{
    private const string InstalledPackages = "/var/lib/dpkg/status";
    private const int LongestTokens = 192;                                      // what the shipped policies were trained on
    private const int ShortestCharacters = 60;

    /// <param name="path">JSON Lines with a field "document", or null for the machine's own.</param>
    /// <param name="tokenizer">Of the policy that will be asked: descriptions are cut to what it reads.</param>
    /// <exception cref="InvalidDataException">A line of the file has no document.</exception>
    public static (IReadOnlyList<string> Descriptions, string Origin) Load(string? path, TextTokenizer tokenizer)
    {
        var (descriptions, origin) = Load(path);
        return ([.. descriptions.Select(description => Cut(description, tokenizer))], origin);
    }

    private static (IReadOnlyList<string> Descriptions, string Origin) Load(string? path)
    {
        if (path is not null)
        {
            return ([.. File.ReadLines(path).Where(line => line.Length > 0).Select((line, i) => Document(path, line, i + 1))], path);
        }

        if (File.Exists(InstalledPackages))
        {
            var installed = Installed(File.ReadLines(InstalledPackages)).Distinct().Order(StringComparer.Ordinal).ToArray();
            if (installed.Length > 0)
            {
                return (installed, $"{installed.Length} packages installed on this machine");
            }
        }

        using var stream = typeof(DemoPrompts).Assembly.GetManifestResourceStream("Serving.Demo.descriptions.txt")!;
        using var reader = new StreamReader(stream);
        return (reader.ReadToEnd().Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), "the descriptions that come with Serving");
    }

    /// <summary>Long descriptions of a dpkg status file: the lines below "Description:", a line of " ." ends a paragraph.</summary>
    internal static IEnumerable<string> Installed(IEnumerable<string> lines)
    {
        var text = new List<string>();
        var inside = false;
        foreach (var line in lines.Append(""))
        {
            if (inside && line.StartsWith(' '))
            {
                text.Add(line == " ." ? "\n" : line.Trim());
                continue;
            }

            if (inside)
            {
                var description = string.Join(' ', text).Replace(" \n ", "\n", StringComparison.Ordinal).Trim();
                if (description.Length >= ShortestCharacters)
                {
                    yield return description;
                }

                text.Clear();
            }

            inside = line.StartsWith("Description:", StringComparison.Ordinal);
        }
    }

    /// <summary>Cut at the last word that fits.</summary>
    private static string Cut(string text, TextTokenizer tokenizer)
    {
        var tokens = tokenizer.Encode(text);
        if (tokens.Length <= LongestTokens)
        {
            return text;
        }

        var beginning = tokenizer.Decode(tokens.AsSpan(0, LongestTokens));
        return beginning.LastIndexOf(' ') is > 0 and var space ? beginning[..space] : beginning;
    }

    private static string Document(string path, string line, int number)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.GetProperty("document").GetString() ?? throw new KeyNotFoundException();
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new InvalidDataException($"{path}, line {number}: expected a JSON object with a text field \"document\".");
        }
    }
}
