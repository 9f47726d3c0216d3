"""Why a broker cannot be used, in words, and what to do about it."""

import asyncio
import socket
import ssl

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from streamer.mqtt.broker_address import BrokerAddress

CLOSED_BY_BROKER = "it closed the connection"
UNSUPPORTED_VERSION = (1, 132)
"""Reason codes (3.1.1, 5) of a broker that speaks another MQTT version."""

_BAD_CREDENTIALS = (4, 5, 134, 135)
_EXPIRED = (9, 10)  # OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and ..._HAS_EXPIRED
_OTHER_NAME = (62, 64)  # ..._HOSTNAME_MISMATCH and ..._IP_ADDRESS_MISMATCH


def reason_code(error: aiomqtt.MqttError) -> int | None:
    """Return the reason code of a refusal, None where there is none."""
    code = error.rc if isinstance(error, aiomqtt.MqttCodeError) else None
    return code.value if isinstance(code, ReasonCode) else code


def failure_cause(error: BaseException) -> str:
    """Return in a few words why a connection failed or was lost."""
    code = reason_code(error) if isinstance(error, aiomqtt.MqttError) else None
    if isinstance(error, MqttConnectError):
        if code in UNSUPPORTED_VERSION:
            return "it refuses this MQTT version"
        if code in _BAD_CREDENTIALS:
            return "it wants a user and password that it knows, or does not authorise us"
        return f"it refuses us: {error}"
    source = error if isinstance(error, OSError) else error.__context__
    if isinstance(source, OSError):
        return _cause_of_os_error(source)
    if isinstance(error, aiomqtt.MqttCodeError):
        return "the connection was lost"
    return str(error) or type(error).__name__


def describe_failure(
    error: BaseException, address: BrokerAddress, *, user: str | None = None
) -> str:
    """Return one line on why `address` cannot be used, and what to do about it."""
    return f"cannot use the MQTT broker at {address}: {failure_cause(error)}; " + suggest_remedy(
        error, address, user=user
    )


def suggest_remedy(error: BaseException, address: BrokerAddress, *, user: str | None = None) -> str:
    """Return what to do where a connection failed.

    Parameters
    ----------
    error
        Why it failed.
    address
        Where to.
    user
        As whom; None for nobody.
    """
    code = reason_code(error) if isinstance(error, aiomqtt.MqttError) else None
    source = error if isinstance(error, OSError) else error.__context__
    if code in UNSUPPORTED_VERSION:
        return 'set protocol = "auto" in [mqtt]'
    if code in _BAD_CREDENTIALS and user is None:
        return (
            "set user in [mqtt], and password_file there or STREAMER_MQTT__PASSWORD; "
            "or use --broker embedded"
        )
    if code in _BAD_CREDENTIALS:
        return f'correct user ("{user}") and password, or let the broker allow that user'
    if isinstance(source, ssl.SSLCertVerificationError):
        return _advise_on_certificate(source)
    if isinstance(source, ssl.SSLError):
        if _wants_certificate(source):
            return "set cert_file and key_file in [mqtt] to a certificate that it trusts"
        return "use the port on which it speaks TLS (8883), or write mqtt:// if it has none"
    if failure_cause(error) == CLOSED_BY_BROKER:
        if address.tls:
            return (
                "if it wants a client certificate, set cert_file and key_file in [mqtt]; "
                "check that an MQTT broker listens on that port"
            )
        return "check that an MQTT broker listens on that port; if it speaks TLS, write mqtts://"
    return "start the broker, correct the address, or use --broker embedded"


def _cause_of_os_error(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "unknown host"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return "no answer"
    if isinstance(error, ssl.SSLCertVerificationError):
        why = (error.verify_message or "it cannot be verified").rstrip(".")
        return f"its certificate is not trusted ({why})"
    if isinstance(error, ssl.SSLError):
        if _wants_certificate(error):
            return "it wants a client certificate that it trusts"
        return "it speaks no TLS that we do"
    if isinstance(error, ConnectionError):
        return CLOSED_BY_BROKER
    return error.strerror or str(error)


def _wants_certificate(error: ssl.SSLError) -> bool:
    reason = (error.reason or "").upper()
    return "ALERT" in reason and any(word in reason for word in ("CERT", "UNKNOWN_CA", "HANDSHAKE"))


def _advise_on_certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code in _OTHER_NAME:
        return "write the address with the name that stands in its certificate"
    if error.verify_code in _EXPIRED:
        return "renew its certificate, and check the clocks of both machines"
    return "set ca_file in [mqtt] to the certificate of the authority that signed it"
