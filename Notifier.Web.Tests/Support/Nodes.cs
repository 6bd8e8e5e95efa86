using System.Net;
using FluentAssertions;

namespace Notifier.Tests.Support;

/// <summary>Several nodes, run as processes, that share only Redis.</summary>
internal sealed class Nodes : IAsyncDisposable
{
    private readonly List<ServerProcess> nodes = [];
    private readonly HttpClient http = new();

    public ServerProcess this[int index] => nodes[index];

    public static Task<Nodes> StartAsync(int count, string redis, params string[] settings) => StartAsync(count, redis, [], settings);

    /// <param name="count">The number of nodes.</param>
    /// <param name="redis">A connection string.</param>
    /// <param name="environment">Environment variables of the processes.</param>
    /// <param name="settings">Such as <c>Redis:Linger=00:00:00</c>.</param>
    public static async Task<Nodes> StartAsync(int count, string redis, Dictionary<string, string> environment, params string[] settings)
    {
        var all = new Nodes();
        for (var n = 0; n < count; n++)
            all.nodes.Add(await ServerProcess.StartAsync(redis, Listen.Plain, environment, settings));
        foreach (var node in all.nodes)
            await Eventually.IsAsync(async () => await all.IsReadyAsync(node), "every node is ready");
        return all;
    }

    public async Task<bool> IsReadyAsync(ServerProcess node) =>
        (await http.GetAsync(new Uri(node.Address, "/healthz/ready"))).StatusCode == HttpStatusCode.OK;

    /// <summary>Connects two clients to each node: one subscribes to the channel, one to the pattern.</summary>
    public async Task<Visitors> SubscribeAsync(string channel, string pattern)
    {
        var subscribers = new Visitors();
        foreach (var node in nodes)
        {
            await subscribers.AddAsync(node, "channel", channel);
            await subscribers.AddAsync(node, "pattern", pattern);
        }
        return subscribers;
    }

    /// <summary>Publishes on all nodes at once.</summary>
    /// <returns>The published messages.</returns>
    public async Task<List<string>> PublishAsync(string channel, int each)
    {
        await Task.WhenAll(Enumerable.Range(0, nodes.Count).Select(async node =>
        {
            for (var n = 0; n < each; n++)
                await PostAsync(node, channel, $"{node} {n}");
        }));
        return [.. Enumerable.Range(0, nodes.Count).SelectMany(node => Enumerable.Range(0, each).Select(n => $"{node} {n}"))];
    }

    public async Task PostAsync(int node, string channel, string payload)
    {
        var answer = await TryPostAsync(node, channel, payload);
        answer.Should().Be(HttpStatusCode.OK, nodes[node].Output);
    }

    public async Task<HttpStatusCode> TryPostAsync(int node, string channel, string payload)
    {
        using var content = new StringContent(payload);
        using var answer = await http.PostAsync(new Uri(nodes[node].Address, $"/publish/{channel}"), content);
        return answer.StatusCode;
    }

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        foreach (var node in nodes)
            await node.DisposeAsync();
    }
}

/// <summary>Clients of several nodes, which should all receive the same messages.</summary>
internal sealed class Visitors : IAsyncDisposable
{
    /// <summary>The last message.</summary>
    public const string End = "the end";

    private readonly List<JsonClient> clients = [];

    public async Task AddAsync(ServerProcess node, string kind, string name)
    {
        var client = await JsonClient.ConnectAsync(node.WebSocketAddress());
        await client.SubscribeAsync(kind, name);
        clients.Add(client);
    }

    /// <summary>
    /// Checks that each client receives every message once, those of one publisher ("name number") in order, and then only the end.
    /// </summary>
    /// <param name="sent">The published messages.</param>
    /// <param name="publishEnd">Publishes <see cref="End"/> after all messages have arrived, because on a Cluster one primary may overtake
    /// another.</param>
    public async Task ShouldHearAsync(ICollection<string> sent, Func<Task> publishEnd)
    {
        foreach (var client in clients)
        {
            var heard = new List<string>();
            while (heard.Count < sent.Count)
                heard.Add(await NextAsync(client));
            heard.Should().BeEquivalentTo(sent);
            foreach (var ofOne in heard.GroupBy(static payload => payload.Split(' ')[0]))
                ofOne.Should().Equal(ofOne.OrderBy(static payload => int.Parse(payload.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)));
        }
        await publishEnd();
        foreach (var client in clients)
            (await NextAsync(client)).Should().Be(End, "nothing comes twice");
    }

    /// <summary>The messages that each client receives up to and including this one, without gaps.</summary>
    public async Task<List<List<string>>> HearUntilAsync(string last)
    {
        var all = new List<List<string>>();
        foreach (var client in clients)
        {
            var heard = new List<string>();
            while (heard.Count == 0 || heard[^1] != last)
                heard.Add(await NextAsync(client));
            all.Add(heard);
        }
        return all;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    private static async Task<string> NextAsync(JsonClient client)
    {
        while (true)
        {
            var said = await client.ReadAsync();
            if ((string?)said["type"] == "message")
                return (string)said["data"]!;
        }
    }
}
