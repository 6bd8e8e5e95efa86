using System.Text;
using Notifier.Names;

namespace Notifier.Tests.Redis;

/// <summary>The bytes of a subscription connection, with every kind of frame, and the receiver that each frame is for.</summary>
internal sealed class RespTraffic
{
    private static readonly byte[][] Replies =
    [
        RedisReceiverTest.Pong, Resp.Text("+PONG\r\n"), Resp.Text(":1\r\n"), Resp.Text("-ERR no\r\n"), Resp.Text("$-1\r\n"), Resp.Text("$14\r\n*3\r\n$7\r\nmessag\r\n"), Resp.Text("*2\r\n%1\r\n+a\r\n*0\r\n_\r\n"),
        Resp.Text(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n"), Resp.Text("|1\r\n+a\r\n:1\r\n+OK\r\n"), Resp.Bulk('$', new byte[70_000]),
        Resp.Text("*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"),
        Resp.Message("unknown", "the library's"), Resp.Message("p*", "a channel, not the pattern"), Resp.PatternMessage("a", "a", "a pattern, not the channel"),
        Resp.Push('*', "smessage", Resp.Text("a"), Resp.Text("sharded")), Resp.Confirmation("subscribe", "unknown"), Resp.Confirmation("punsubscribe", "a"),
    ];

    private readonly List<byte> bytes = [];
    private readonly List<byte> forLibrary = [];
    private readonly HashSet<Name> confirmed = [];
    private readonly HashSet<Name> everConfirmed = [];

    public RespTraffic(int seed, int steps = 600)
    {
        Seed = seed;
        ForSinks = Names.ToDictionary(static name => name, static _ => new List<string>());
        var random = new Random(seed);
        for (var n = 0; n < steps; n++)
        {
            // Produces both runs of messages of one name and mixed names.
            var name = random.Next(2) == 0 ? Names[0] : Names[random.Next(Names.Length)];
            switch (random.Next(20))
            {
                case 0:
                    Confirm(name);
                    break;
                case 1 when random.Next(4) == 0:
                    confirmed.Remove(name);
                    ToLibrary(Resp.Confirmation(name.Kind == NameKind.Pattern ? "punsubscribe" : "unsubscribe", name.Text));
                    break;
                case 2 or 3 or 4:
                    ToLibrary(Replies[random.Next(Replies.Length)]);
                    break;
                default:
                    Publish(name, $"{n}:{Payload(random)}", random.Next(2) == 0 ? "pa" : "pé");
                    break;
            }
        }
    }

    public int Seed { get; }

    public Name[] Names { get; } = [Name.Channel("a"), Name.Channel(""), Name.Channel("message"), Name.Channel("b\r\n"), Name.Pattern("p*"), Name.Pattern("*")];

    public byte[] Bytes => [.. bytes];

    public byte[] ForLibrary => [.. forLibrary];

    public Dictionary<Name, List<string>> ForSinks { get; }

    private static string Payload(Random random) => random.Next(30) switch
    {
        0 => new string('x', random.Next(30_000)),
        1 => Encoding.UTF8.GetString(Resp.Message("a", "no message")),
        2 => "\r\n",
        3 => "*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$10\r\n",
        var other => new string('y', other),
    };

    private void Confirm(Name name)
    {
        ToLibrary(Resp.Confirmation(name.Kind == NameKind.Pattern ? "psubscribe" : "subscribe", name.Text));
        if (confirmed.Add(name) && !everConfirmed.Add(name))
            ForSinks[name].Add("(Redis)");
    }

    private void Publish(Name name, string payload, string channel)
    {
        if (name.Kind == NameKind.Pattern)
            bytes.AddRange(Resp.PatternMessage(name.Text, channel, payload));
        else
            bytes.AddRange(Resp.Message(name.Text, payload));
        if (confirmed.Contains(name))
            ForSinks[name].Add(RecordingSink.Show(name.Kind == NameKind.Pattern ? channel : "", Resp.Text(payload)));
    }

    private void ToLibrary(byte[] frame)
    {
        bytes.AddRange(frame);
        forLibrary.AddRange(frame);
    }
}
