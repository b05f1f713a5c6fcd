#pragma warning disable CA1812, CA1823, CA1813, CS0169, IDE0051, IDE0052         // these types are only read as IL by ArchitectureTests, never run

using Serving.Tests.Rooms.Lower;

namespace Serving.Tests.Rooms.Upper;

[AttributeUsage(AttributeTargets.All)]
public sealed class NamingAttribute(Type type) : Attribute
{
    public Type Type => type;
}

public sealed class Field
{
    private readonly Open? _open;
}

public sealed class PropertyType
{
    public Open? Open { get; set; }
}

public sealed class BaseType : Open;

public static class Parameter
{
    public static void Use(Open open) => _ = open;
}

public static class Result
{
    public static Open? Use() => null;
}

public static class Body
{
    public static int Use() => Open.Number;
}

public static class Cast
{
    public static bool Use(object value) => value is Open;
}

public static class Lambda
{
    public static Func<int> Use() => () => Open.Number;
}

public static class Iterator
{
    public static IEnumerable<int> Use()
    {
        yield return Open.Number;
    }
}

public static class Asynchronous
{
    public static async Task<int> UseAsync()
    {
        await Task.Yield();
        return Open.Number;
    }
}

public static class GenericArgument
{
    public static int Use(List<Dictionary<int, Open>> values) => values.Count;
}

public static class GenericMethod
{
    public static object Use() => Array.Empty<Open>();
}

public sealed class Constraint
{
    public static void Use<T>()
        where T : Open
    {
    }
}

public static class Caught
{
    public static void Use(Action action)
    {
        try
        {
            action();
        }
        catch (OpenException)
        {
            return;
        }
    }
}

[Open]
public sealed class Attributed;

[Naming(typeof(Open))]
public sealed class NamedInAttribute;

public static class ArrayOf
{
    public static void Use(ref Open[][] values) => _ = values;
}

internal static class UsesHidden
{
    public static object Use() => new Hidden();
}

internal static class UsesMember
{
    public static int Use() => Open.Inner;
}

internal static class UsesNested
{
    public static object Use() => new Open.Nest();
}
