using System.Text.Json;
using Notifier.Names;

namespace Notifier.Access.Callback;

/// <summary><c>{"sub":"42","subscribe":["user.42.*"],"publish":[],"expiresIn":300}</c>: what the application grants.</summary>
internal static class CallbackResponse
{
    private const string GrantsNothing = "the application grants nothing";

    private static readonly int MaxSeconds = (int)TimeSpan.FromDays(366).TotalSeconds;

    /// <param name="body">The application's answer.</param>
    /// <param name="rules">Each name must satisfy them.</param>
    /// <param name="now">The time from which <c>expiresIn</c> counts.</param>
    /// <param name="disconnectionsBefore">See <see cref="Caller.DisconnectionsBefore"/>.</param>
    /// <param name="problem">Why the answer is invalid, for the operator.</param>
    /// <returns>Null if the answer is invalid.</returns>
    public static Caller? Read(byte[] body, NameRules rules, DateTimeOffset now, long disconnectionsBefore, out string problem)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return Read(document.RootElement, rules, now, disconnectionsBefore, out problem);
        }
        catch (JsonException)
        {
            problem = "the answer is not JSON";
            return null;
        }
    }

    private static Caller? Read(JsonElement answer, NameRules rules, DateTimeOffset now, long disconnectionsBefore, out string problem)
    {
        var (subscribe, publish) = (new List<Name>(), new List<Name>());
        problem = answer.ValueKind != JsonValueKind.Object ? "the answer is not a JSON object"
            : !HasSeconds(answer, out var seconds) ? $"expiresIn is missing or invalid in the answer: a whole number of seconds, 1 to {MaxSeconds}"
            : Names("subscribe", subscribe) ?? Names("publish", publish) ?? "";
        if (problem.Length > 0)
            return null;
        HasSeconds(answer, out seconds);
        return new Caller(new Grant(subscribe, GrantsNothing), new Grant(publish, GrantsNothing))
        {
            Subject = Subject(answer),
            ExpiresAt = now.AddSeconds(seconds),
            DisconnectionsBefore = disconnectionsBefore,
        };

        string? Names(string key, List<Name> names) =>
            answer.TryGetProperty(key, out var list) && GrantedNames.Read(list, rules, names) is { } error ? $"{key} in the answer {error}" : null;
    }

    private static bool HasSeconds(JsonElement answer, out int seconds)
    {
        seconds = 0;
        return answer.TryGetProperty("expiresIn", out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out seconds)
            && seconds >= 1 && seconds <= MaxSeconds;
    }

    /// <summary>A string, or a number, because ids in databases are numbers.</summary>
    private static string? Subject(JsonElement answer) => !answer.TryGetProperty("sub", out var sub) ? null
        : sub.ValueKind == JsonValueKind.Number ? sub.GetRawText()
        : GrantedNames.Text(sub) is { Length: > 0 } text ? text
        : null;
}
