using System.Text;
using System.Text.RegularExpressions;
using CsCheck;
using FluentAssertions;
using Notifier.Names;
using Notifier.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// A client with the grant <c>orders.42.*</c> receives exactly what <c>orders.42.*</c> matches, whatever the client subscribes to. The test
/// tries three thousand names, each over its own socket, and compares the received messages with the grant.
/// </summary>
public sealed partial class ExactlyGrantedTests(ITestOutputHelper output)
{
    private const string Granted = "orders.42.*";
    private const int Names = 3_000;
    private const int Together = 500;

    /// <summary>Parts of names near the edges of the grant.</summary>
    private static readonly Gen<string> Part = Gen.Frequency(
        (6, Gen.Const("orders.42.")),
        (3, Gen.OneOf("orders.", "42", "4", "2", ".", "43", "é", "x", "items")),
        (4, Gen.OneOf("*", "?", "[4]", "[24]", "[^x]", "[a-z]", "[.]", @"\4", @"\*", "orders.42.*", "orders.4?.")));

    /// <summary>The names are short enough that a close reason shows the whole counter-example.</summary>
    private static readonly Gen<string> AnyName =
        Part.Array[1, 5].Select(string.Concat).Where(name => name.Length <= 28 && name.Count(c => c == '*') <= 4);

    /// <summary>The published channels: inside the grant, and just outside.</summary>
    private static readonly string[] Channels =
    [
        "orders.42.", "orders.42.x", "orders.42.items", "orders.42.é", "orders.42.42", "orders.42.*", "orders.42..", "orders.42.4", "orders.42.orders.42.x",
        "orders.42", "orders.4", "orders.", "orders.43.x", "orders.4.2.x", "orders.42x", "orders.422.x", "orders.4242.", "Orders.42.x", "xorders.42.x", "orders.*.x",
        "orders.4é.", "42", "x", "items", "é", ".", "orders.42orders.42.", "*", "4242",
    ];

    private readonly RedisPattern grant = RedisPattern.Parse(Granted);
    private int subscribed;
    private int refused;
    private int arrived;

    [Fact]
    public async Task A_client_receives_exactly_what_its_grant_matches_whatever_it_subscribes_to()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(
            redis.Configuration,
            settings: ["environment=Production", $"Access:Anonymous:Subscribe:0={Granted}", "Redis:Linger=00:00:00", "Limits:DistinctPatterns=10000",
                "Limits:PayloadBytes=16384"]);      // with small payloads, overlapping patterns need no automatic cover
        var names = new HashSet<string>();
        AnyName.Sample(name => { names.Add(name); }, iter: 20 * Names, threads: 1);
        names.Should().HaveCountGreaterThan(Names);

        foreach (var some in names.Take(Names).Chunk(Together))
            await TryAsync(redis, app, some);

        output.WriteLine($"{subscribed} names were subscribed, and {arrived} messages arrived; {refused} names were rejected.");
        subscribed.Should().BeGreaterThan(Names / 20, "a grant that allows nothing would also pass");
        refused.Should().BeGreaterThan(Names / 20);
        arrived.Should().BeGreaterThanOrEqualTo(subscribed);
    }

    private async Task TryAsync(RedisServer redis, NotifierApp app, string[] names)
    {
        var clients = await Task.WhenAll(names.Select(name => RawWebSocket.SubscribeAsync(app, name)));
        await Eventually.IsAsync(() => app.Connections.Count == Together, "all clients are connected");
        var allowed = names.Where(IsAllowed).Select(Name.Parse).ToList();
        await Eventually.IsAsync(() => allowed.TrueForAll(name => app.Hub.CountSubscribers(name) == 1), "every allowed name is subscribed");
        await Eventually.IsAsync(
            async () => await redis.PatternsAsync() + (await redis.ChannelsAsync()).Length == allowed.Count, "and nothing else is subscribed");

        // Also publishes a channel that each name matches, whether or not the name is allowed.
        string[] channels = [.. Channels.Concat(names.Select(Sample)).Distinct()];
        foreach (var channel in channels)
            await redis.PublishAsync(channel, channel);

        foreach (var (name, client) in names.Zip(clients))
        {
            if (IsAllowed(name))
                await ExpectAsync(name, client, channels);
            else
                await ExpectRefusalAsync(name, client);
        }
        await clients.DisposeAllAsync();
        await Eventually.IsAsync(() => app.Connections.Count == 0, "all connections have ended");
        app.Hub.Sweep();
        await redis.IsEmptyAsync();
    }

    /// <summary>
    /// Does not search as the server does. The grant is a prefix and a star, so it allows a name if and only if everything the name matches
    /// starts with that prefix. The fixed text before the name's first wildcard decides that.
    /// </summary>
    private static bool IsAllowed(string name) => Beginning().Match(name).Groups["place"].Captures
        .Select(place => place.Value.Trim('[', ']', '\\')).Aggregate("", string.Concat).StartsWith("orders.42.", StringComparison.Ordinal);

    /// <summary>A place without a choice: a letter, an escaped letter, or a class with one member.</summary>
    [GeneratedRegex(@"^(?<place>\[[^\]^\\]\]|\\.|[^*?\[\\])*")]
    private static partial Regex Beginning();

    private static string Sample(string name) => Choice().Replace(name, choice => choice.Value switch
    {
        "*" => "x",
        "?" or "[^x]" => "y",
        var place => place[1..2],
    });

    [GeneratedRegex(@"\*|\?|\[[^\]]+\]|\\.")]
    private static partial Regex Choice();

    private async Task ExpectAsync(string name, RawWebSocket client, string[] channels)
    {
        subscribed++;
        var asked = RedisPattern.From(Name.Parse(name));
        string[] expected = [.. channels.Where(channel => asked.Matches(Encoding.UTF8.GetBytes(channel)))];
        expected.Should().NotBeEmpty();
        var got = new List<string>();
        while (got.Count < expected.Length)
            got.Add(await client.ReadTextAsync());
        got.AddRange(await client.DrainAsync());
        arrived += got.Count;
        got.Should().Equal(expected, "{0} receives what it matches", name);
        got.TrueForAll(channel => channel.StartsWith("orders.42.", StringComparison.Ordinal)).Should().BeTrue();
    }

    private async Task ExpectRefusalAsync(string name, RawWebSocket client)
    {
        refused++;
        var frame = await client.ReadMessageAsync();
        frame.Opcode.Should().Be(Frame.CloseOpcode, "{0} receives nothing before its rejection", name);
        if (frame.CloseCode == 4400)
            return;     // the name is invalid
        frame.CloseCode.Should().Be(4403);
        if (Name.Parse(name).Kind == NameKind.Channel)
        {
            frame.CloseText.Should().Be($"not allowed: {name}");
            return;
        }
        var counterExample = Encoding.UTF8.GetBytes(frame.CloseText.Split(" also matches ")[1]);
        RedisPattern.Parse(name).Matches(counterExample).Should().BeTrue("{0} is rejected: {1}", name, frame.CloseText);
        grant.Matches(counterExample).Should().BeFalse(frame.CloseText);
    }
}
