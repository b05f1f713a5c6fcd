using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Serving.Trainer.Lab;

/// <summary>The members of a JSON object, read one by one with their ranges; those that nobody asked for are unknown.</summary>
internal sealed partial class LabMembers(JsonElement root)
{
    /// <summary>No sum of products of such numbers over all sequences overflows.</summary>
    private const double Largest = 1e100;

    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>What a JSON value is, in words.</summary>
    public static string Kind(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Array => "a list",
        JsonValueKind.Object => "an object",
        JsonValueKind.String => $"the text \"{Short(value.GetString()!)}\"",
        JsonValueKind.Number => Short(value.GetRawText()),
        _ => value.GetRawText(),
    };

    /// <summary>A number as JSON writes it, to ten digits.</summary>
    public static string Text(double value) => value.ToString("G10", CultureInfo.InvariantCulture);

    public bool Has(string name) => root.TryGetProperty(name, out _);

    /// <summary>A whole number from <paramref name="least"/> to <paramref name="most"/>; <paramref name="otherwise"/> where there is none.</summary>
    public int Whole(string name, int least, int most, int otherwise = 0)
    {
        if (!TryGet(name, out var value))
        {
            return otherwise;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number == Math.Floor(number) && number >= least && number <= most
            ? (int)number
            : throw new InvalidDataException($"\"{name}\" must be a whole number from {least} to {most}, not {Kind(value)}.");
    }

    /// <summary>A whole number from 0 to 2^64-1.</summary>
    public ulong Seed(string name, ulong otherwise)
    {
        if (!TryGet(name, out var value))
        {
            return otherwise;
        }

        return value.ValueKind == JsonValueKind.Number && value.TryGetUInt64(out var seed)
            ? seed
            : throw new InvalidDataException($"\"{name}\" must be a whole number from 0 to {ulong.MaxValue}, not {Kind(value)}.");
    }

    /// <summary>A number from <paramref name="least"/> to <paramref name="most"/>; <paramref name="otherwise"/> where there is none.</summary>
    public double Number(string name, double least, double most, double otherwise)
    {
        if (!TryGet(name, out var value))
        {
            return otherwise;
        }

        return IsNumber(value, out var number) && number >= least && number <= most
            ? number
            : throw new InvalidDataException($"\"{name}\" must be a number from {Text(least)} to {Text(most)}, not {Kind(value)}.");
    }

    /// <summary>Exactly <paramref name="count"/> finite numbers.</summary>
    /// <param name="what">What they are, for the message.</param>
    public double[] Numbers(string name, int count, string what)
    {
        TryGet(name, out var value);
        if (value.ValueKind != JsonValueKind.Array)
        {
            throw new InvalidDataException($"\"{name}\" must be a list of {count} numbers ({what}), not {Kind(value)}.");
        }

        if (value.GetArrayLength() != count)
        {
            throw new InvalidDataException($"\"{name}\" has {value.GetArrayLength()} entries, but there must be {count}: {what}.");
        }

        var numbers = new double[count];
        var i = 0;
        foreach (var entry in value.EnumerateArray())
        {
            numbers[i] = IsNumber(entry, out var number)
                ? number
                : throw new InvalidDataException($"\"{name}\"[{i}] must be a number of at most 1e100 in size, not {Kind(entry)}.");
            i++;
        }

        return numbers;
    }

    /// <summary>A value of an enum, written in lower case with hyphens.</summary>
    public T Choice<T>(string name, T otherwise)
        where T : struct, Enum
    {
        if (!TryGet(name, out var value))
        {
            return otherwise;
        }

        var choices = Enum.GetValues<T>();
        var chosen = value.ValueKind == JsonValueKind.String ? Array.FindIndex(choices, choice => Hyphenated(choice) == value.GetString()) : -1;
        return chosen >= 0
            ? choices[chosen]
            : throw new InvalidDataException($"\"{name}\" must be one of {string.Join(", ", choices.Select(Hyphenated))}, not {Kind(value)}.");
    }

    /// <summary>Throws where the object has a member that was not read.</summary>
    public void RefuseUnread()
    {
        foreach (var member in root.EnumerateObject())
        {
            if (!_known.Contains(member.Name))
            {
                throw new InvalidDataException($"\"{Short(member.Name)}\" is not a member of a problem; there are {string.Join(", ", _known)}.");
            }
        }
    }

    private static string Hyphenated<T>(T choice)
        where T : struct, Enum => Boundary().Replace(choice.ToString(), "-$0").ToLowerInvariant();

    private static bool IsNumber(JsonElement value, out double number)
    {
        number = 0;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out number) && Math.Abs(number) <= Largest;
    }

    private static string Short(string text) => (text.Length > 40 ? text[..40] + "..." : text).ReplaceLineEndings(" ");

    private bool TryGet(string name, out JsonElement value)
    {
        _known.Add(name);
        return root.TryGetProperty(name, out value);
    }

    [GeneratedRegex("(?<!^)[A-Z]")]
    private static partial Regex Boundary();
}
