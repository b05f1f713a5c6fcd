using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Serving.Tests;

/// <summary>
/// Reads an assembly's IL and says which folder (the namespace after a root) uses which other against the rules: folders may use only those that the map
/// allows, and nothing internal of another folder. What the compiler generates counts as part of the type that it was generated for.
/// </summary>
internal sealed class FolderRules(string root, IReadOnlyDictionary<string, string[]> allowed)
{
    private readonly SortedSet<string> _violations = new(StringComparer.Ordinal);

    /// <summary>One sentence per broken rule and pair of types; empty when all is well.</summary>
    public static IReadOnlyCollection<string> Violations(ModuleDefinition module, string root, IReadOnlyDictionary<string, string[]> allowed)
    {
        var rules = new FolderRules(root, allowed);
        foreach (var type in module.GetTypes())
        {
            if (rules.FolderOf(type) is { } folder)
            {
                rules.CheckType(type, folder);
            }
        }

        return rules._violations;
    }

    private void CheckType(TypeDefinition type, string folder)
    {
        if (!allowed.ContainsKey(folder))
        {
            _violations.Add($"{folder} is not in the map of folders: give it its row.");
            return;
        }

        Use(type, type.BaseType);
        Use(type, type.GenericParameters);
        Use(type, type.CustomAttributes);
        foreach (var implemented in type.Interfaces)
        {
            Use(type, implemented.InterfaceType);
        }

        foreach (var field in type.Fields)
        {
            Use(type, field.FieldType);
            Use(type, field.CustomAttributes);
        }

        foreach (var property in type.Properties)
        {
            Use(type, property.CustomAttributes);
        }

        foreach (var method in type.Methods)
        {
            CheckMethod(type, method);
        }
    }

    private void CheckMethod(TypeDefinition type, MethodDefinition method)
    {
        Use(type, method.ReturnType);
        Use(type, method.CustomAttributes);
        Use(type, method.GenericParameters);
        foreach (var parameter in method.Parameters)
        {
            Use(type, parameter.ParameterType);
            Use(type, parameter.CustomAttributes);
        }

        if (!method.HasBody)
        {
            return;
        }

        foreach (var variable in method.Body.Variables)
        {
            Use(type, variable.VariableType);
        }

        foreach (var handler in method.Body.ExceptionHandlers)
        {
            Use(type, handler.CatchType);
        }

        foreach (var instruction in method.Body.Instructions)
        {
            switch (instruction.Operand)
            {
                case TypeReference used:
                    Use(type, used);
                    break;
                case FieldReference used:
                    Use(type, used.DeclaringType);
                    UseMember(type, used, () => used.Resolve() is { IsAssembly: true } or { IsFamilyAndAssembly: true });
                    break;
                case MethodReference used:
                    Use(type, used.DeclaringType);
                    Use(type, used.ReturnType);
                    UseMember(type, used, () => used.Resolve() is { IsAssembly: true } or { IsFamilyAndAssembly: true });
                    foreach (var parameter in used.Parameters)
                    {
                        Use(type, parameter.ParameterType);
                    }

                    foreach (var argument in (used as GenericInstanceMethod)?.GenericArguments ?? [])
                    {
                        Use(type, argument);
                    }

                    break;
            }
        }
    }

    private void Use(TypeDefinition user, IEnumerable<GenericParameter> parameters)
    {
        foreach (var constraint in parameters.SelectMany(parameter => parameter.Constraints))
        {
            Use(user, constraint.ConstraintType);
        }
    }

    private void Use(TypeDefinition user, IEnumerable<CustomAttribute> attributes)
    {
        foreach (var attribute in attributes)
        {
            Use(user, attribute.AttributeType);
            foreach (var argument in attribute.ConstructorArguments.Concat(attribute.Properties.Select(property => property.Argument)))
            {
                Use(user, argument.Value as TypeReference);
            }
        }
    }

    private void Use(TypeDefinition user, TypeReference? used)
    {
        switch (used)
        {
            case null or GenericParameter:
                return;
            case GenericInstanceType generic:
                foreach (var argument in generic.GenericArguments)
                {
                    Use(user, argument);
                }

                break;
        }

        if (used is TypeSpecification wrapped)
        {
            Use(user, wrapped.ElementType);
            return;
        }

        // A type of this module is referred to by its definition; resolving the others would read the whole framework.
        if (used is not TypeDefinition target || FolderOf(target) is not { } to || FolderOf(user) is not { } from || from == to)
        {
            return;
        }

        if (!allowed[from].Contains(to))
        {
            _violations.Add($"{from} may not use {to}, but {NameOf(user)} uses {NameOf(target)}.");
        }

        for (var type = target; type is not null; type = type.DeclaringType)
        {
            if (type is { IsNested: false, IsPublic: false } or { IsNestedAssembly: true } or { IsNestedFamilyAndAssembly: true })
            {
                _violations.Add($"{NameOf(type)} is internal to {to}, but {NameOf(user)} uses it.");
            }
        }
    }

    private void UseMember(TypeDefinition user, MemberReference used, Func<bool> isInternal)
    {
        if (used.DeclaringType.GetElementType() is TypeDefinition owner && FolderOf(owner) is { } to && FolderOf(user) is { } from && from != to && isInternal())
        {
            _violations.Add($"{NameOf(owner)}.{used.Name} is internal to {to}, but {NameOf(user)} uses it.");
        }
    }

    /// <summary>The first part of the namespace after the root; null for what lies outside, such as generated attributes.</summary>
    private string? FolderOf(TypeDefinition type)
    {
        var space = Outermost(type).Namespace;
        return space.StartsWith(root + ".", StringComparison.Ordinal) ? space[(root.Length + 1)..].Split('.')[0] : null;
    }

    private string NameOf(TypeDefinition type)
    {
        while (type.IsNested && type.Name.Contains('<', StringComparison.Ordinal))
        {
            type = type.DeclaringType;
        }

        return type.FullName[(root.Length + 1)..];
    }

    private static TypeDefinition Outermost(TypeDefinition type)
    {
        while (type.DeclaringType is { } outer)
        {
            type = outer;
        }

        return type;
    }
}
