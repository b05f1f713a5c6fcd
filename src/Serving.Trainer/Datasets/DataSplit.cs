using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Serving.Trainer.Datasets;

/// <summary>Parts of the set. All packages of a source package are in the same one.</summary>
public enum DataSplit
{
    Train,
    Validation,
    Test,
}

/// <summary>The split rule: 90 : 5 : 5 by a hash of the source package's name, so that it is the same on every machine and in every release.</summary>
internal static class SourceSplit
{
    private const string Salt = "debian-synopsis/v1/";

    public static DataSplit Of(string source)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Salt + source)));
        return (uint.Parse(digest.AsSpan(0, 8), NumberStyles.HexNumber, CultureInfo.InvariantCulture) % 100) switch
        {
            < 90 => DataSplit.Train,
            < 95 => DataSplit.Validation,
            _ => DataSplit.Test,
        };
    }
}
