namespace Serving.Tests.Rooms.Lower;

public class Open
{
    public static int Number => 1;

    internal static int Inner => 2;

    public static T Make<T>() => default!;

    internal sealed class Nest;
}

public sealed class OpenException : Exception;

[AttributeUsage(AttributeTargets.All)]
public sealed class OpenAttribute : Attribute;

internal sealed class Hidden;
