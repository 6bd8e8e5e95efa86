using System.Text.Json;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>Names as a token, or the application's answer, lists them.</summary>
internal static class GrantedNames
{
    /// <param name="list">An array of names.</param>
    /// <param name="rules">What each has to be.</param>
    /// <param name="names">Where they are added.</param>
    /// <returns>Null, or what is wrong with it, to be put after what it is.</returns>
    public static string? Read(JsonElement list, NameRules rules, List<Name> names)
    {
        if (list.ValueKind != JsonValueKind.Array)
            return "is no array of names";
        foreach (var entry in list.EnumerateArray())
        {
            if (Text(entry) is not { } text)
                return "has an entry that is no name";
            if (names.Count == Caller.MaxNames)
                return $"has too many names: {Caller.MaxNames} are allowed";
            var name = Name.Parse(text);
            if (rules.Check(name) is { } refusal)
                return $"has a name that nobody can ask for: {refusal.Message}";
            names.Add(name);
        }
        return null;
    }

    /// <summary>Null when it is no text.</summary>
    public static string? Text(JsonElement value)
    {
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;    // half of a surrogate pair
        }
    }
}
