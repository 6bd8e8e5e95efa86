using System.Text.Json;
using Notifier.Names;

namespace Notifier.Access;

/// <summary>Reads the lists of names in a token, or in the application's answer.</summary>
internal static class GrantedNames
{
    /// <param name="list">Should be an array of names.</param>
    /// <param name="rules">Each name must satisfy them.</param>
    /// <param name="names">Receives the names.</param>
    /// <returns>Null, or what is wrong, as the rest of a sentence whose subject is the list.</returns>
    public static string? Read(JsonElement list, NameRules rules, List<Name> names)
    {
        if (list.ValueKind != JsonValueKind.Array)
            return "is not an array of names";
        foreach (var entry in list.EnumerateArray())
        {
            if (Text(entry) is not { } text)
                return "has an entry that is not a string";
            if (names.Count == Caller.MaxNames)
                return $"has too many names: {Caller.MaxNames} are allowed";
            var name = Name.Parse(text);
            if (rules.Check(name) is { } refusal)
                return $"has an invalid name: {refusal.Message}";
            names.Add(name);
        }
        return null;
    }

    /// <summary>The string; null if the value is not a string, or not valid Unicode.</summary>
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
