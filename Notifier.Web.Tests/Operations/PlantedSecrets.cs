using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;

namespace Notifier.Tests.Operations;

/// <summary>Strings that occur nowhere else. A test puts them where clients and operators put secrets, and then searches the log for them.</summary>
internal sealed class PlantedSecrets
{
    private readonly List<string> planted = [];

    /// <summary>Settings of a node that logs everything: each category at each level, in each way to configure it, with scopes.</summary>
    public static string[] FullLogging { get; } =
    [
        .. from rules in new[] { "Logging", "Logging:Console" }
           from category in new[]
           {
               "Default", "Microsoft", "System", "StackExchange", "Garnet", "Notifier",
               "Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Server.Kestrel.BadRequests*",
           }
           select $"{rules}:LogLevel:{category}=Trace",
        "Logging:Console:FormatterOptions:IncludeScopes=true",
    ];

    public string Plant(string what)
    {
        planted.Add(string.Create(CultureInfo.InvariantCulture, $"planted-{what}-{planted.Count}-{Guid.NewGuid():N}"));
        return planted[^1];
    }

    /// <summary>A token of which neither the payload nor the signature may be in the log.</summary>
    /// <param name="key">What signs it.</param>
    /// <param name="seconds">Until it expires.</param>
    public string PlantToken(string key, int seconds = 300)
    {
        var payload = TestToken.Payload(DateTimeOffset.UtcNow.AddSeconds(seconds), "*");
        payload.Remove("aud");
        payload["jti"] = Guid.NewGuid().ToString();
        var token = TestToken.Sign(payload, sign: text => HMACSHA256.HashData(Encoding.UTF8.GetBytes(key), text));
        planted.AddRange(token.Split('.')[1..]);
        return token;
    }

    /// <summary>Adds a string that the test did not choose itself.</summary>
    public void Add(string secret) => planted.Add(secret);

    public void ShouldBeAbsentFrom(string output)
    {
        planted.Should().NotBeEmpty();
        var leaks = output.Split('\n').Where(line => planted.Any(secret => line.Contains(secret, StringComparison.OrdinalIgnoreCase)));
        string.Join('\n', leaks).Should().BeEmpty();
    }
}
