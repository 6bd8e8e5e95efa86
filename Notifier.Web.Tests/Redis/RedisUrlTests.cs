using System.Net;
using System.Net.Sockets;
using CsCheck;
using FluentAssertions;
using Notifier.Configuration;
using Notifier.Redis;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>The URLs that hosting providers hand out, and those of other clients.</summary>
public sealed class RedisUrlTests
{
    [Theory]
    [InlineData("redis://", "localhost:6379")]
    [InlineData("redis:///2", "localhost:6379 db=2")]
    [InlineData("redis://cache", "cache:6379")]
    [InlineData(" redis://cache:6380/\n", "cache:6380")]
    [InlineData("REDIS://cache/0", "cache:6379 db=0")]
    [InlineData("rediss://cache", "cache:6379 tls")]
    [InlineData("valkeys://cache:6380", "cache:6380 tls")]
    [InlineData("redis://10.0.0.5:7000", "10.0.0.5:7000")]
    [InlineData("redis://[::1]", "[::1]:6379")]
    [InlineData("redis://[2001:db8::1]:6380/1", "[2001:db8::1]:6380 db=1")]
    [InlineData("redis://one:7000,two,[::1]:7002", "one:7000 two:6379 [::1]:7002")]
    [InlineData("redis://one:7000?addr=two:7001&addr=[::1]", "one:7000 two:7001 [::1]:6379")]
    [InlineData("rediss://default:p4ssw0rd@eu1-cat-1.upstash.io:6379", "eu1-cat-1.upstash.io:6379 tls user=default password=p4ssw0rd")]
    [InlineData("rediss://:p1234@ec2-1-2-3-4.compute-1.amazonaws.com:20439", "ec2-1-2-3-4.compute-1.amazonaws.com:20439 tls password=p1234")]
    [InlineData("redis://:@cache", "cache:6379")]
    [InlineData("redis://@cache", "cache:6379")]
    [InlineData("redis://us%3Aer:p%40%2F%3F%23%25%2Cw@cache", "cache:6379 user=us:er password=p@/?#%,w")]
    [InlineData("redis://user:p:a+s@s,w=1@cache", null)]
    [InlineData("redis://user:p:a+s@s=w@cache", "cache:6379 user=user password=p:a+s@s=w")]
    [InlineData("redis://:%C3%A9%E2%82%AC@cache", "cache:6379 password=é€")]
    [InlineData("redis://cache?db=3&password=s3%26cret", "cache:6379 db=3 password=s3&cret")]
    [InlineData("redis://cache/3?database=3&username=app&password=x", "cache:6379 db=3 user=app password=x")]
    [InlineData("redis://cache?ssl=true&ssl_cert_reqs=required&ssl_check_hostname=True", "cache:6379 tls")]
    [InlineData("rediss://cache?ssl_cert_reqs=CERT_REQUIRED&verifyPeer=FULL&skip_verify=false&protocol=3", "cache:6379 tls")]
    [InlineData("redis://cache?client_name=app-1", "cache:6379 name=app-1")]
    [InlineData("redis://cache?clientName=app&protocol=2", "cache:6379 name=app")]
    [InlineData("redis://cache?socket_connect_timeout=1.5&socket_timeout=5", "cache:6379 connect=1500 answer=5000")]
    [InlineData("redis://cache?dial_timeout=500ms&read_timeout=3s", "cache:6379 connect=500 answer=3000")]
    [InlineData("redis://cache?connectTimeout=700&syncTimeout=800&timeout=1m", "cache:6379 connect=700 answer=800")]
    [InlineData("redis+sentinel://s1,s2:26380,[::1]?sentinel_master_name=main", "s1:26379 s2:26380 [::1]:26379 primary=main")]
    [InlineData("rediss+sentinel://u:p@s1:5000/main/4?addr=s2:5001", "s1:5000 s2:5001 tls db=4 user=u password=p primary=main")]
    [InlineData("redis-sentinel://:p@s1,s2/0?sentinelMasterId=main", "s1:26379 s2:26379 db=0 password=p primary=main")]
    [InlineData("redis+sentinel://s1/my%20main?serviceName=my%20main", "s1:26379 primary=my main")]
    [InlineData("unix:///run/redis/redis.sock", "/run/redis/redis.sock")]
    [InlineData("unix://app:p@/run/a%20b.sock?db=5", "/run/a b.sock db=5 user=app password=p")]
    [InlineData("redis-socket:///run/redis.sock?database=5", "/run/redis.sock db=5")]
    public void A_url_says_where_redis_is_and_how_to_log_in(string url, string? expected)
    {
        if (expected is null)
        {
            ErrorOf(url).Should().Contain("several @");
            return;
        }
        var options = RedisConnectionString.Parse(url);

        Describe(options).Should().Be(expected);
        options.AbortOnConnectFail.Should().BeFalse("the rules for a list of options apply to a URL, too");
        options.Protocol.Should().Be(RedisProtocol.Resp2);
        options.KeepAlive.Should().Be(5);
    }

    [Theory]
    [InlineData("rediss//:s3cret@cache", "looks like a URL without its scheme")]
    [InlineData("https://eu1-cat-1.upstash.io?password=s3cret", "is an address for HTTP. Use the provider's address for Redis clients")]
    [InlineData("redis+tls://:s3cret@cache", "its scheme is unknown. Begin it with redis://, rediss:// (TLS), redis+sentinel://")]
    [InlineData("\"redis://:s3cret@cache\"", "begins with a quotation mark")]
    [InlineData("redis://:s3cret @cache", "a space or a control character. Write a space as %20")]
    [InlineData("redis://user:s3/cret@cache:6379", "an @ follows the first /, ? or #")]
    [InlineData("redis://user:s3?cret@cache:6379", "write / as %2F, ? as %3F, # as %23")]
    [InlineData("redis://user:s3#cret@cache:6379", "an @ follows the first /, ? or #")]
    [InlineData("redis://cache:6379/0#s3cret", "it contains a #")]
    [InlineData("redis://s3cret@cache", "Write user:password@ or :password@")]
    [InlineData("redis://s3cret:@cache", "it has a user but no password")]
    [InlineData("redis://:s3%cret@cache", "in the password a % is not followed by two hexadecimal digits. Write % as %25")]
    [InlineData("redis://:s3cret%@cache", "Write % as %25")]
    [InlineData("redis://:s3cret%FF@cache", "the password is not text in UTF-8")]
    [InlineData("redis://u:s3cret@one,u:s3cret@two", "Write the user and the password only before the first host")]
    [InlineData("redis://u:s3cret:cache", "a host has several colons")]
    [InlineData("redis://:s3cret", "a port is not a number from 1 to 65535")]
    [InlineData("redis://s3cret=:6379", "a host contains a character that no host name has")]
    [InlineData("redis://:s3cret@cache:0", "a port is not a number from 1 to 65535")]
    [InlineData("redis://:s3cret@cache:65536", "a port is not a number from 1 to 65535")]
    [InlineData("redis://:s3cret@cache:", "a port is not a number from 1 to 65535")]
    [InlineData("redis://:s3cret@one,,two", "a host is missing")]
    [InlineData("redis://:s3cret@:6379", "a host is missing")]
    [InlineData("redis://:s3cret@::1:6379", "Write an IPv6 address in brackets")]
    [InlineData("redis://:s3cret@[::1", "a [ has no ]")]
    [InlineData("redis://:s3cret@[cache]:6379", "the text in brackets is not an IPv6 address")]
    [InlineData("redis://:s3cret@cache/zero", "the path is not the number of a database")]
    [InlineData("redis://:s3cret@cache/0/1", "the path is not the number of a database")]
    [InlineData("redis://:s3cret@cache/0?db=1", "it says the database twice, and not the same")]
    [InlineData("redis://:s3cret@cache?password=other", "it says the password twice, and not the same")]
    [InlineData("redis://:s3cret@cache?db=1&db=2", "it has the same option twice")]
    [InlineData("redis://:s3cret@cache?max_connections=10", "Notifier does not know its option max_connections. Remove it")]
    [InlineData("redis://cache?password=a&s3cret=b", "Notifier does not know one of its options")]
    [InlineData("redis://:s3cret@cache?protocol=4", "its option protocol is neither 2 nor 3")]
    [InlineData("redis://:s3cret@cache?client_name=a%20b", "its option client_name contains a space")]
    [InlineData("redis://:s3cret@cache?timeout=5", "has no unit, and clients disagree about it. Write timeout=5s or timeout=5000ms")]
    [InlineData("redis://:s3cret@cache?socket_timeout=soon", "its option socket_timeout is not a duration from 1ms to 60m")]
    [InlineData("redis://:s3cret@cache?socket_timeout=0", "its option socket_timeout is not a duration from 1ms to 60m")]
    [InlineData("redis://:s3cret@cache?socket_timeout=99999", "its option socket_timeout is not a duration from 1ms to 60m")]
    [InlineData("rediss://:s3cret@cache?ssl_cert_reqs=none", "its option ssl_cert_reqs would accept the certificate of any server")]
    [InlineData("rediss://:s3cret@cache?ssl_cert_reqs=CERT_NONE", "set Redis:CaFile to the authority's certificate (PEM)")]
    [InlineData("rediss://:s3cret@cache?ssl_check_hostname=false", "set Redis:TlsServerName")]
    [InlineData("rediss://:s3cret@cache?verifyPeer=NONE", "its option verifyPeer would accept")]
    [InlineData("rediss://:s3cret@cache?skip_verify=true", "its option skip_verify would accept")]
    [InlineData("rediss://:s3cret@cache#insecure", "#insecure would accept")]
    [InlineData("rediss://:s3cret@cache?ssl=false", "its option ssl does not fit the scheme")]
    [InlineData("unix:///run/redis.sock?ssl=true", "its option ssl does not fit the scheme")]
    [InlineData("rediss://:s3cret@cache?ssl_ca_certs=/etc/ca.pem", "set Redis:CaFile instead")]
    [InlineData("rediss://:s3cret@cache?ssl_certfile=/etc/own.pem", "set Redis:ClientCertificateFile instead")]
    [InlineData("redis+sentinel://:s3cret@s1", "Add ?sentinel_master_name=mymaster")]
    [InlineData("redis+sentinel://:s3cret@?sentinel_master_name=main", "a host is missing")]
    [InlineData("redis+sentinel://:s3cret@s1/main?sentinel_master_name=other", "it says the name of the primary twice")]
    [InlineData("redis+sentinel://s1/main?sentinel_password=s3cret", "must have that of the servers")]
    [InlineData("unix://run/redis.sock", "with three slashes, such as unix:///run/redis/redis.sock")]
    [InlineData("unix://:s3cret@", "the path of the socket is missing")]
    public void An_invalid_url_is_explained_with_what_to_write_and_without_its_password(string url, string told) =>
        ErrorOf(url).Should().Contain(told).And.NotContain("s3cret").And.NotContain("cret@").And.EndWith("because it may contain a password.)");

    [Fact]
    public void A_socket_whose_path_is_too_long_is_explained() =>
        ErrorOf($"unix:///{new string('x', 200)}").Should().Contain("too long for a socket of Unix");

    [Fact]
    public void An_error_names_the_setting_that_has_the_url()
    {
        var parse = () => RedisConnectionString.Parse("redis://cache/zero", "REDIS_URL");

        parse.Should().Throw<StartupException>().Which.Message.Should().StartWith("REDIS_URL is not a valid URL of a Redis: ");
    }

    [Fact]
    public void Any_user_and_password_survive_percent_encoding() => Gen.Select(Gen.String[1, 30], Gen.String[1, 30], Gen.Int[0, 999]).Sample((user, password, database) =>
    {
        if (!IsText(user) || !IsText(password))
            return;
        var options = RedisConnectionString.Parse($"rediss://{Uri.EscapeDataString(user)}:{Uri.EscapeDataString(password)}@cache:6380/{database}");

        (options.User, options.Password, options.DefaultDatabase, options.Ssl).Should().Be((user, password, database, true));
        options.EndPoints.Should().Equal(new DnsEndPoint("cache", 6380));
    });

    /// <summary>A password that was not encoded is read, or it is rejected. It never becomes a part of a host, and no error quotes it.</summary>
    [Fact]
    public void No_part_of_a_password_becomes_a_host_or_is_in_an_error() => Gen.Char["abXY09:/?#[]@!$&'()*+,;=%-._~ \"\\"].Array[1, 12].Sample(characters =>
    {
        var password = $"PWD{new string(characters)}PWD";
        var url = $"redis://default:{password}@cache:6380/0";
        try
        {
            var options = RedisConnectionString.Parse(url);
            options.EndPoints.Should().Equal([new DnsEndPoint("cache", 6380)], "of {0}", url);
            options.User.Should().Be("default");
        }
        catch (StartupException error)
        {
            error.Message.Should().NotContain("PWD");
        }
    });

    [Fact]
    public void Any_text_is_parsed_or_explained() =>
        Gen.Select(Gen.OneOf("redis://", "rediss://", "unix://", "redis+sentinel://", "x://", ""), Gen.Char["a1:/?#[]@&=,%+. é"].Array[0, 25]).Sample((scheme, characters) =>
        {
            var parse = () => RedisConnectionString.Parse(scheme + new string(characters));
            try
            {
                parse();
            }
            catch (StartupException)
            {
                // Any other exception would end the process without an explanation.
            }
        });

    private static bool IsText(string text) => !text.Any(char.IsSurrogate);

    private static string ErrorOf(string url)
    {
        var parse = () => RedisConnectionString.Parse(url);
        return parse.Should().Throw<StartupException>().Which.Message;
    }

    private static string Describe(ConfigurationOptions options) => string.Join(' ', new[]
    {
        string.Join(' ', options.EndPoints.Select(static host => host switch
        {
            DnsEndPoint dns => $"{dns.Host}:{dns.Port}",
            UnixDomainSocketEndPoint => $"{host}",
            _ => host.ToString(),
        })),
        options.Ssl ? "tls" : null,
        options.DefaultDatabase is { } database ? $"db={database}" : null,
        options.User is { } user ? $"user={user}" : null,
        options.Password is { } password ? $"password={password}" : null,
        options.ServiceName is { } primary ? $"primary={primary}" : null,
        options.ClientName is { } name and not "notifier" ? $"name={name}" : null,
        options.ConnectTimeout is var connect and not 2000 ? $"connect={connect}" : null,
        options.SyncTimeout is var answer and not 2000 && options.AsyncTimeout == answer ? $"answer={answer}" : null,
    }.Where(static part => part is not null));
}
